//! Tables that fit the terminal. If a table is too wide, its truncatable columns are shortened first; then whole columns
//! are dropped, by their rank.
//!
//! Table crates do not do this: comfy-table exceeds the width if its fixed columns do not fit, and tabled truncates every
//! column, ids included.

use console::{Alignment, Style, measure_text_width, pad_str, truncate_str};

use super::text::sanitize;

const COLUMN_GAP: &str = "  ";
/// A column is not truncated to less than this.
const MIN_TRUNCATED_WIDTH: usize = 12;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    title: &'static str,
    truncate: bool,
    /// The column with the highest rank is dropped first. Rank 0 is never dropped.
    drop_rank: u8,
    alignment: Alignment,
}

impl Column {
    /// A column that is always shown completely.
    pub(crate) const fn new(title: &'static str) -> Self {
        Self {
            title,
            truncate: false,
            drop_rank: 0,
            alignment: Alignment::Left,
        }
    }

    /// Allows its cells to be truncated.
    pub(crate) const fn truncate(mut self) -> Self {
        self.truncate = true;
        self
    }

    /// Allows it to be dropped. Columns with a higher rank are dropped first.
    pub(crate) const fn drop_rank(mut self, rank: u8) -> Self {
        self.drop_rank = rank;
        self
    }

    pub(crate) const fn align_right(mut self) -> Self {
        self.alignment = Alignment::Right;
        self
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    style: Option<Style>,
}

impl Cell {
    pub(crate) fn styled(style: Style, text: &str) -> Self {
        Self {
            text: sanitize(text),
            style: Some(style),
        }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self {
            text: sanitize(text.as_ref()),
            style: None,
        }
    }
}

#[derive(Debug)]
pub(crate) struct TextTable {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl TextTable {
    pub(crate) fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self {
            columns: columns.into_iter().collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row with one cell per column.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let cells: Vec<Cell> = cells.into_iter().collect();
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The header and the rows as lines of at most `width` columns. Without a width, nothing is cut.
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
        let title = |column: &Column| Cell::styled(Style::new().dim(), column.title);
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
    let cells: Vec<String> = columns
        .iter()
        .zip(row)
        .zip(widths)
        .filter_map(|((column, cell), width)| {
            let width = (*width)?;
            let text = truncate_str(&cell.text, width, "…");
            let text = match &cell.style {
                Some(style) if !text.is_empty() => paint(style.clone(), &text),
                _ => text.into_owned(),
            };
            Some(pad_str(&text, width, column.alignment, None).into_owned())
        })
        .collect();
    cells.join(COLUMN_GAP).trim_end().to_owned()
}

/// The width of each column; `None` for dropped columns.
fn layout(columns: &[Column], natural: &[usize], max_width: Option<usize>) -> Vec<Option<usize>> {
    let mut widths: Vec<Option<usize>> = natural.iter().copied().map(Some).collect();
    let Some(max_width) = max_width else {
        return widths;
    };
    loop {
        let mut over = total(&widths).saturating_sub(max_width);
        // Shorten the widest column first, until it is as wide as the next one.
        while over > 0 {
            let widest = (0..columns.len())
                .filter(|at| columns[*at].truncate)
                .filter_map(|at| widths[at].map(|width| (width, at)))
                .filter(|(width, _)| *width > MIN_TRUNCATED_WIDTH)
                .max();
            let Some((width, at)) = widest else { break };
            widths[at] = Some(width - 1);
            over -= 1;
        }
        if over == 0 {
            return widths;
        }
        let dropped = (0..columns.len())
            .filter(|at| columns[*at].drop_rank > 0 && widths[*at].is_some())
            .max_by_key(|at| columns[*at].drop_rank);
        let Some(dropped) = dropped else {
            return widths;
        };
        // Start again with the natural widths of the remaining columns.
        for (at, width) in widths.iter_mut().enumerate() {
            *width = width.map(|_| natural[at]).filter(|_| at != dropped);
        }
    }
}

fn total(widths: &[Option<usize>]) -> usize {
    let shown = widths.iter().flatten();
    shown.clone().sum::<usize>() + COLUMN_GAP.len() * shown.count().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> TextTable {
        let mut table = TextTable::new([
            Column::new("STATUS"),
            Column::new("NAME").truncate(),
            Column::new("PIPELINE").drop_rank(1),
            Column::new("TENANT").drop_rank(2),
            Column::new("TRY").align_right(),
            Column::new("ID"),
        ]);
        table.row([
            Cell::styled(Style::new().green(), "Ready"),
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
    fn table_without_a_width_is_not_cut() {
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
    fn lines_fit_the_width_and_keep_columns_of_rank_0() {
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
    fn columns_are_truncated_before_others_are_dropped() {
        let head = |width| table().lines(Some(width), plain).swap_remove(0);
        assert!(head(60).contains("TENANT"));
        assert!(!head(50).contains("TENANT"));
        assert!(head(50).contains("PIPELINE"));
        assert!(!head(38).contains("PIPELINE"));
    }

    #[test]
    fn cells_are_sanitized_and_styles_have_no_width() {
        let mut table = TextTable::new([Column::new("A"), Column::new("B")]);
        table.row([
            Cell::styled(Style::new().red(), "x\u{1b}[2J"),
            Cell::from("y"),
        ]);
        let lines = table.lines(None, |_, text| format!("\u{1b}[31m{text}\u{1b}[0m"));
        assert_eq!(lines[1], "\u{1b}[31mx\\x1b[2J\u{1b}[0m  y");
    }
}
