//! Tables that fit the terminal: what can be cut is cut, then what matters least is left out.

use console::{measure_text_width, truncate_str};

use super::Style;
use super::text::harmless;

/// Columns between two columns.
const GAP: usize = 2;
/// What can be cut keeps so many columns.
const LEAST: usize = 12;

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    title: &'static str,
    /// Its cells may be cut.
    cut: bool,
    /// The higher, the sooner it is left out; 0 stays.
    spare: u8,
    right: bool,
}

impl Column {
    /// A column that is always shown whole.
    pub(crate) const fn new(title: &'static str) -> Self {
        Self {
            title,
            cut: false,
            spare: 0,
            right: false,
        }
    }

    /// Its cells may be cut.
    pub(crate) const fn cut(mut self) -> Self {
        self.cut = true;
        self
    }

    /// Where there is no room it is left out; the highest first.
    pub(crate) const fn spare(mut self, rank: u8) -> Self {
        self.spare = rank;
        self
    }

    /// Numbers stand to the right.
    pub(crate) const fn right(mut self) -> Self {
        self.right = true;
        self
    }
}

/// What stands in a column.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    style: Option<Style>,
}

impl Cell {
    /// Text in a style.
    pub(crate) fn styled(style: Style, text: &str) -> Self {
        Self {
            text: harmless(text),
            style: Some(style),
        }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self {
            text: harmless(text.as_ref()),
            style: None,
        }
    }
}

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(crate) fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self {
            columns: columns.into_iter().collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row: one cell a column.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let cells: Vec<Cell> = cells.into_iter().collect();
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    /// Whether there is a row.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Its lines, none wider than `width`; without a width nothing is cut.
    pub(crate) fn lines(
        &self,
        width: Option<usize>,
        paint: impl Fn(Style, &str) -> String,
    ) -> Vec<String> {
        let natural: Vec<usize> = (0..self.columns.len())
            .map(|at| {
                let cells = self.rows.iter().filter_map(|row| row.get(at));
                cells
                    .map(|cell| measure_text_width(&cell.text))
                    .chain([self.columns[at].title.len()])
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let widths = layout(&self.columns, &natural, width);
        let title = |column: &Column| Cell::styled(Style::Dim, column.title);
        let head: Vec<Cell> = self.columns.iter().map(title).collect();
        std::iter::once(&head)
            .chain(&self.rows)
            .map(|row| line(&self.columns, row, &widths, &paint))
            .collect()
    }
}

fn line(
    columns: &[Column],
    row: &[Cell],
    widths: &[Option<usize>],
    paint: impl Fn(Style, &str) -> String,
) -> String {
    let mut out = String::new();
    let mut blanks = 0;
    for ((column, cell), width) in columns.iter().zip(row).zip(widths) {
        let Some(width) = *width else { continue };
        let text = truncate_str(&cell.text, width, "…");
        let missing = width.saturating_sub(measure_text_width(&text));
        if column.right {
            blanks += missing;
        }
        // Blanks only where something follows them.
        if !text.is_empty() {
            out.extend(std::iter::repeat_n(' ', blanks));
            blanks = 0;
            match cell.style {
                Some(style) => out.push_str(&paint(style, &text)),
                None => out.push_str(&text),
            }
        }
        blanks += GAP;
        if !column.right {
            blanks += missing;
        }
    }
    out
}

/// How wide each column becomes; none for what is left out.
fn layout(columns: &[Column], natural: &[usize], width: Option<usize>) -> Vec<Option<usize>> {
    let mut widths: Vec<Option<usize>> = natural.iter().copied().map(Some).collect();
    let Some(room) = width else { return widths };
    loop {
        let mut over = total(&widths).saturating_sub(room);
        // The widest gives first, until it is as wide as the next.
        while over > 0 {
            let widest = (0..columns.len())
                .filter(|at| columns[*at].cut)
                .filter_map(|at| widths[at].map(|width| (width, at)))
                .filter(|(width, _)| *width > LEAST)
                .max();
            let Some((width, at)) = widest else { break };
            widths[at] = Some(width - 1);
            over -= 1;
        }
        if over == 0 {
            return widths;
        }
        let spare = (0..columns.len())
            .filter(|at| columns[*at].spare > 0 && widths[*at].is_some())
            .max_by_key(|at| columns[*at].spare);
        let Some(spare) = spare else { return widths };
        // What was cut gets its room back, and the rest is shared anew.
        for (at, width) in widths.iter_mut().enumerate() {
            *width = width.map(|_| natural[at]).filter(|_| at != spare);
        }
    }
}

fn total(widths: &[Option<usize>]) -> usize {
    let shown = widths.iter().flatten();
    shown.clone().sum::<usize>() + GAP * shown.count().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new([
            Column::new("STATUS"),
            Column::new("NAME").cut(),
            Column::new("PIPELINE").spare(1),
            Column::new("TENANT").spare(2),
            Column::new("TRY").right(),
            Column::new("ID"),
        ]);
        table.row([
            Cell::styled(Style::Green, "Ready"),
            Cell::from("a contract with a rather long name.pdf"),
            Cell::from("legal-review"),
            Cell::from("acme"),
            Cell::from("1"),
            Cell::from("0b9f"),
        ]);
        table.row(["Failed", "合同.pdf", "ocr-batch", "umbrella", "12", "77aa"].map(Cell::from));
        table
    }

    fn plain(_: Style, text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn without_a_width_nothing_is_cut() {
        let lines = table().lines(None, plain);
        assert_eq!(
            lines,
            [
                "STATUS  NAME                                    PIPELINE      TENANT    TRY  ID",
                "Ready   a contract with a rather long name.pdf  legal-review  acme        1  0b9f",
                "Failed  合同.pdf                                ocr-batch     umbrella   12  77aa",
            ]
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_what_matters_stays() {
        for width in 31..120 {
            let lines = table().lines(Some(width), plain);
            for line in &lines {
                assert!(measure_text_width(line) <= width, "{width}: {line}");
                assert_eq!(line.trim_end(), line);
            }
            assert!(lines[0].ends_with("ID"), "{width}");
            assert!(lines[1].ends_with("0b9f"), "{width}");
        }
    }

    #[test]
    fn names_are_cut_before_columns_are_left_out() {
        let head = |width| table().lines(Some(width), plain).swap_remove(0);
        assert!(head(60).contains("TENANT"));
        assert!(!head(50).contains("TENANT"));
        assert!(head(50).contains("PIPELINE"));
        assert!(!head(38).contains("PIPELINE"));
    }

    #[test]
    fn cells_are_harmless_and_styles_take_no_room() {
        let mut table = Table::new([Column::new("A"), Column::new("B")]);
        table.row([Cell::styled(Style::Red, "x\u{1b}[2J"), Cell::from("y")]);
        let lines = table.lines(None, |_, text| format!("\u{1b}[31m{text}\u{1b}[0m"));
        assert_eq!(lines[1], "\u{1b}[31mx\\x1b[2J\u{1b}[0m  y");
    }
}
