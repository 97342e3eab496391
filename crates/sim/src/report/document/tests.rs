use super::*;

fn document() -> Document {
    let mut document = Document::new("lab", "A <title> & more");
    document.heading("First");
    document.text("Some **strong** words.");
    let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
    document.add(Block::Table { head: row(["a", "b"]), rows: vec![row(["x", "12 ms"])] });
    let claim = |holds| Claim { says: "it holds".into(), holds, because: "1 < 2".into() };
    document.add(Block::Claims([Some(true), Some(false), None].map(claim).to_vec()));
    let figure = Figure { name: "plot".into(), caption: "A plot".into(), drawing: Drawing::new() };
    document.add(Block::More { title: "More".into(), blocks: vec![Block::Figures(vec![figure])] });
    document
}

#[test]
fn the_page_is_whole_and_loads_nothing() {
    let html = document().html();
    assert!(html.starts_with("<!doctype html>") && html.ends_with("</html>\n"));
    for word in
        ["A &lt;title&gt; &amp; more", "<strong>strong</strong>", "<td class=\"n\">12 ms</td>"]
    {
        assert!(html.contains(word), "{word}");
    }
    // The one address is the name of SVG's vocabulary.
    let other = html.replace("http://www.w3.org/2000/svg", "");
    assert!(!other.contains("http://") && !other.contains("https://"), "a page of its own");
    assert!(!html.contains(" src=") && !html.contains("@import") && !html.contains("url(h"));
    assert!(!html.contains("<script"), "nothing moves here");
    assert_eq!([">holds<", ">refuted<", ">open<"].map(|w| html.matches(w).count()), [1, 1, 1]);
}

#[test]
fn markdown_says_the_same_and_names_its_pictures() {
    let document = document();
    let text = document.markdown();
    for word in
        ["# A <title> & more", "| x | 12 ms |", "- **refuted**: it holds", "![A plot](plot.svg)"]
    {
        assert!(text.contains(word), "{word}\n{text}");
    }
    let names: Vec<String> = document.pictures().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["plot.svg"]);
}
