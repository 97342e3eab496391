//! The same in Markdown.

use std::fmt::Write;

use super::{Block, Document, html::verdict};

pub(super) fn page(document: &Document) -> String {
    let mut text = format!("# {}\n", document.title);
    blocks(&mut text, &document.blocks);
    text
}

fn blocks(out: &mut String, all: &[Block]) {
    for block in all {
        out.push('\n');
        one(out, block);
    }
}

fn one(out: &mut String, block: &Block) {
    let _ = match block {
        Block::Heading(text) => writeln!(out, "## {text}"),
        Block::Text(text) => writeln!(out, "{text}"),
        Block::List(items) => {
            writeln!(
                out,
                "{}",
                items.iter().map(|i| format!("- {i}")).collect::<Vec<_>>().join("\n")
            )
        }
        Block::Table { head, rows } => {
            let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
            let _ = writeln!(out, "{}|{}", line(head), "---|".repeat(head.len()));
            write!(out, "{}", rows.iter().map(|row| line(row)).collect::<String>())
        }
        Block::Figures(figures) => {
            let one = |f: &super::Figure| format!("![{}]({}.svg)\n", f.caption, f.name);
            write!(out, "{}", figures.iter().map(one).collect::<Vec<_>>().join("\n"))
        }
        Block::Run { player, caption } => writeln!(out, "![{caption}]({}.svg)", player.name),
        Block::Pre(text) => writeln!(out, "```text\n{}\n```", text.trim_end()),
        Block::Claims(claims) => {
            for claim in claims {
                let _ = writeln!(
                    out,
                    "- **{}**: {}\n  {}",
                    verdict(claim).1,
                    claim.says,
                    claim.because
                );
            }
            Ok(())
        }
        Block::Note { text, .. } => writeln!(out, "> {text}"),
        Block::More { title, blocks: inside } => {
            let _ = writeln!(out, "### {title}");
            blocks(out, inside);
            Ok(())
        }
    };
}
