//! The HTML page.

use std::fmt::Write;

use super::{
    super::drawing::{STYLE, THEME, escape},
    Block, Claim, Document, Figure, Tone,
    inline::html as inline,
};

const PAGE: &str = include_str!("../assets/page.css");
const SCRIPT: &str = include_str!("../assets/player.js");

/// What the page may load: nothing but itself.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      base-uri 'none'; form-action 'none'";

pub(super) fn page(document: &Document) -> String {
    let (title, kicker) = (escape(&document.title), escape(&document.kicker));
    let mut body = String::new();
    blocks(&mut body, &document.blocks);
    let script = match body.contains("class=\"player\"") {
        true => format!("<script>{SCRIPT}</script>\n"),
        false => String::new(),
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{THEME}{STYLE}{PAGE}</style>\n</head>\n<body>\n<main>\n\
         <p class=\"kicker\">{kicker}</p>\n<h1>{title}</h1>\n{body}</main>\n{script}</body>\n</html>\n"
    )
}

fn blocks(out: &mut String, blocks: &[Block]) {
    for block in blocks {
        one(out, block);
    }
}

fn one(out: &mut String, block: &Block) {
    let _ = match block {
        Block::Heading(text) => writeln!(out, "<h2>{}</h2>", inline(text)),
        Block::Text(text) => writeln!(out, "<p>{}</p>", inline(text)),
        Block::List(items) => {
            let item = |item: &String| format!("<li>{}</li>", inline(item));
            writeln!(out, "<ul>{}</ul>", items.iter().map(item).collect::<String>())
        }
        Block::Table { head, rows } => table(out, head, rows),
        Block::Figures(figures) => {
            let class = if figures.len() > 1 { "pair" } else { "wide" };
            let all: String = figures.iter().map(figure).collect();
            writeln!(out, "<div class=\"{class}\">{all}</div>")
        }
        Block::Run { player, caption } => {
            out.push_str(&player.html(caption));
            Ok(())
        }
        Block::Pre(text) => writeln!(out, "<pre>{}</pre>", escape(text)),
        Block::Claims(claims) => {
            writeln!(
                out,
                "<ul class=\"claims\">{}</ul>",
                claims.iter().map(claim).collect::<String>()
            )
        }
        Block::Note { tone, text } => {
            let class = match tone {
                Tone::Plain => "note",
                Tone::Good => "note good",
                Tone::Bad => "note bad",
            };
            writeln!(out, "<div class=\"{class}\"><p>{}</p></div>", inline(text))
        }
        Block::More { title, blocks: inside } => {
            let _ = write!(out, "<details><summary>{}</summary>", inline(title));
            blocks(out, inside);
            writeln!(out, "</details>")
        }
    };
}

fn table(out: &mut String, head: &[String], rows: &[Vec<String>]) -> std::fmt::Result {
    write!(out, "<div class=\"wide\"><table><thead><tr>")?;
    for cell in head {
        write!(out, "<th scope=\"col\">{}</th>", inline(cell))?;
    }
    write!(out, "</tr></thead><tbody>")?;
    for row in rows {
        write!(out, "<tr>")?;
        for cell in row {
            let number = cell.len() < 16
                && cell.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '−'));
            let class = if number { " class=\"n\"" } else { "" };
            write!(out, "<td{class}>{}</td>", inline(cell))?;
        }
        write!(out, "</tr>")?;
    }
    writeln!(out, "</tbody></table></div>")
}

fn figure(figure: &Figure) -> String {
    let picture = figure.drawing.inline(&figure.caption, 0.0);
    format!("<figure>{picture}<figcaption>{}</figcaption></figure>", inline(&figure.caption))
}

fn claim(claim: &Claim) -> String {
    let (class, word) = verdict(claim);
    format!(
        "<li class=\"{class}\"><b>{word}</b><div>{}</div><span>{}</span></li>",
        inline(&claim.says),
        inline(&claim.because)
    )
}

/// How a claim came out: its class, and its word.
pub(super) fn verdict(claim: &Claim) -> (&'static str, &'static str) {
    match claim.holds {
        Some(true) => ("holds", "holds"),
        Some(false) => ("fails", "refuted"),
        None => ("open", "open"),
    }
}
