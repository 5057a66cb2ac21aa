"""Creates the sample PDFs from texts/*.txt, each with a different producer. Nothing else uses this script.

Python packages: typst reportlab fpdf2 weasyprint pillow. Programs: pdflatex, libreoffice,
chromium, groff with ps2pdf, pdftoppm. DejaVu fonts. Run: `python make.py`.
"""

from html import escape
import io
from pathlib import Path
import re
import subprocess
import tempfile
import time

from services import schedules

HERE = Path(__file__).parent
OUT = HERE.parent / "contracts"
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf"
TMP = Path(tempfile.mkdtemp())
CREATED = time.gmtime(1_773_500_000)  # so that the same texts give the same scans


def blocks(name: str) -> list[tuple[str, str]]:
    """("title" | "heading" | "text" | "page", words) for each line of a text."""
    text = (HERE / "texts" / f"{name}.txt").read_text(encoding="utf-8")
    if name == "msa":
        text += "".join(schedules())
    found = []
    for line in text.replace("\f", "\n\f\n").split("\n"):
        if line == "\f":
            found.append(("page", ""))
        elif line.startswith("# "):
            found.append(("title", line[2:]))
        elif line.startswith("## "):
            found.append(("heading", line[3:]))
        elif line:
            found.append(("text", line))
    return found


def run(*command: str, stdin: bytes | None = None) -> bytes:
    """Runs a program in the temporary folder. Returns its output."""
    return subprocess.run(command, input=stdin, cwd=TMP, check=True, capture_output=True).stdout


def typst(name: str, out: Path) -> None:
    """Typst."""
    import typst as compiler

    def safe(words: str) -> str:
        return re.sub(r"([\\#$*_@<>\[\]~`=])", r"\\\1", words)

    marks = {"title": "= {}", "heading": "== {}", "text": "{}", "page": "#pagebreak()"}
    body = "\n\n".join(marks[kind].format(safe(words)) for kind, words in blocks(name))
    source = TMP / "in.typ"
    source.write_text(
        '#set page(numbering: "1 / 1", margin: 2.8cm)\n#set par(justify: true)\n#set text(size: 11pt)\n' + body,
        encoding="utf-8",
    )
    out.write_bytes(compiler.compile(str(source)))


def reportlab(name: str, out: Path) -> None:
    """ReportLab, with a footer on each page."""
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate

    styles = getSampleStyleSheet()
    style = {"title": styles["Title"], "heading": styles["Heading3"], "text": styles["BodyText"]}

    def footer(canvas, document) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.drawString(72, 40, f"Ledgerly Cloud Subscription Agreement - confidential - page {document.page}")

    parts = [PageBreak() if kind == "page" else Paragraph(escape(words), style[kind]) for kind, words in blocks(name)]
    SimpleDocTemplate(str(out), title="Ledgerly Cloud Subscription Agreement").build(parts, footer, footer)


def fpdf(name: str, out: Path) -> None:
    """fpdf2 with an embedded TrueType font."""
    from fpdf import FPDF

    pdf = FPDF()
    pdf.add_font("Serif", fname=FONT)
    pdf.set_margin(25)
    pdf.add_page()
    for kind, words in blocks(name):
        pdf.set_font("Serif", size={"title": 16, "heading": 12}.get(kind, 10.5))
        pdf.multi_cell(0, 6, words, new_x="LMARGIN", new_y="NEXT")
        pdf.ln(2)
    pdf.output(str(out))


def html(name: str) -> str:
    """An HTML page, for the producers that print HTML."""
    tags = {"title": "h1", "heading": "h3", "text": "p"}
    body = "".join(f"<{tags[kind]}>{escape(words)}</{tags[kind]}>" for kind, words in blocks(name) if kind != "page")
    return f"<!doctype html><meta charset=utf-8><title>{escape(blocks(name)[0][1])}</title><style>body{{font:11pt/1.45 'DejaVu Serif',serif;hyphens:auto;text-align:justify}}</style><html lang=en>{body}"


def weasyprint(name: str, out: Path) -> None:
    """WeasyPrint."""
    import weasyprint as printer

    printer.HTML(string=html(name)).write_pdf(str(out))


def chromium(name: str, out: Path) -> None:
    """Chromium, print to PDF."""
    (TMP / "in.html").write_text(html(name), encoding="utf-8")
    run(
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-pdf-header-footer",
        f"--print-to-pdf={TMP}/out.pdf",
        f"file://{TMP}/in.html",
    )
    out.write_bytes((TMP / "out.pdf").read_bytes())


def libreoffice(name: str, out: Path) -> None:
    """LibreOffice Writer."""
    (TMP / "in.html").write_text(html(name), encoding="utf-8")
    run(
        "soffice",
        f"-env:UserInstallation=file://{TMP}/office",
        "--headless",
        "--writer",
        "--convert-to",
        "pdf:writer_web_pdf_Export",
        "in.html",
    )
    out.write_bytes((TMP / "in.pdf").read_bytes())


def groff(name: str, out: Path) -> None:
    """groff, then Ghostscript: PostScript turned into PDF."""
    marks = {"title": ".TL\n{}", "heading": ".SH\n{}", "text": ".LP\n{}"}
    # Without kerning, because PDF readers take its small offsets for spaces ("Norw ay").
    source = ".kern 0\n" + "\n".join(marks[kind].format(words) for kind, words in blocks(name)) + "\n"
    postscript = run("groff", "-k", "-ms", "-Tps", stdin=source.encode())
    out.write_bytes(run("ps2pdf", "-", "-", stdin=postscript))


def pdftex(name: str, out: Path) -> None:
    """pdfTeX; its cross-reference table is a compressed stream."""

    def safe(words: str) -> str:
        words = re.sub(r"([#$%&_{}])", r"\\\1", words).replace("£", r"\pounds{}")
        return words.replace("“", "``").replace("”", "''").replace("’", "'")

    marks = {
        "title": r"\begin{{center}}\LARGE {}\end{{center}}",
        "heading": r"\section*{{{}}}",
        "text": "{}\n",
        "page": r"\newpage",
    }
    body = "\n".join(marks[kind].format(safe(words)) for kind, words in blocks(name))
    (TMP / "in.tex").write_text(
        r"\documentclass[11pt,a4paper]{article}\usepackage[utf8]{inputenc}\pagestyle{headings}"
        r"\markright{Northwind / Calder Valley Water: Master Services Agreement}\setlength{\parindent}{0pt}\setlength{\parskip}{5pt}"
        "\n\\pdfminorversion=5\\pdfobjcompresslevel=2\n\\begin{document}\n" + body + "\n\\end{document}\n",
        encoding="utf-8",
    )
    run("pdflatex", "-interaction=batchmode", "in.tex")
    out.write_bytes((TMP / "in.pdf").read_bytes())


def scan(source: Path, out: Path, dpi: int = 110) -> None:
    """Up to two pages like those of a scanner: gray images, slightly rotated, without text."""
    from PIL import Image

    run("pdftoppm", "-r", str(dpi), "-gray", "-l", "2", str(source), out.stem)
    pages = []
    for number, path in enumerate(sorted(TMP.glob(f"{out.stem}-*.pgm"))):
        page = Image.open(path).rotate(0.6 - number, fillcolor=255)
        packed = io.BytesIO()
        page.save(packed, "JPEG", quality=38)
        pages.append(Image.open(packed))
    pages[0].save(out, save_all=True, append_images=pages[1:], resolution=dpi, creationDate=CREATED, modDate=CREATED)


def main() -> None:
    """Creates all samples."""
    typst("nda", OUT / "NDA Halden-Brightwater.pdf")
    reportlab("saas", OUT / "Ledgerly SaaS subscription (36 months).pdf")
    pdftex("msa", OUT / "Master Services Agreement - Northwind & Calder, signed.pdf")
    libreoffice("lease", OUT / "Mietvertrag Müller & Söhne (2026) v2+final.pdf")
    weasyprint("dpa", OUT / "DPA_Stadtwerke+Meteor.pdf")
    fpdf("employment", OUT / "Offer letter – Zoë Lindqvist.pdf")
    chromium("supply", OUT / "Supply agreement Ağaoğlu, Petrova & Žižka.pdf")
    groff("consulting", OUT / "consulting-agreement.pdf")
    scan(OUT / "NDA Halden-Brightwater.pdf", HERE.parent / "batches" / "Scan 2026-03-14 0001.pdf")
    scan(OUT / "consulting-agreement.pdf", OUT / "Fjordline consulting agreement (scan).pdf", dpi=150)
    whole = (OUT / "DPA_Stadtwerke+Meteor.pdf").read_bytes()
    bad = HERE.parent / "bad"
    (bad / "broken.pdf").write_bytes(whole[: len(whole) // 2])
    (bad / "not-a-pdf.pdf").write_text(
        "Dear all,\n\nplease find attached the signed contract.\n\nKind regards\nOlu\n", encoding="utf-8"
    )
    (bad / "empty.pdf").write_bytes(b"")


if __name__ == "__main__":
    main()
