"""The schedules of the long sample: one page per service, written from a table."""

import csv
from pathlib import Path

TABLE = Path(__file__).parent / "texts" / "services.tsv"


def schedules() -> list[str]:
    """The schedules in the markup of the other texts. A form feed starts a new page."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        services = list(csv.DictReader(file, delimiter="\t"))
    out = []
    for number, row in enumerate(services, 1):
        done = "".join(f"({letter}) Supplier shall {task}.\n" for letter, task in zip("abc", row["tasks"].split("; ")))
        charge = int(row["charge"])
        price = f"£{charge:,} a month" if charge else "by time spent, at the rates of Schedule 2"
        out.append(
            f"\f## Schedule 1.{number} {row['name']}\n"
            f"Scope: {row['scope']}. Hours of service: {row['hours']}.\n{done}"
            f"Measure: the service level is {float(row['level']):g} per cent in a calendar month, measured by Supplier's tools and open to Client's inspection. "
            f"Planned work that was announced five Business Days ahead does not count. If the level is missed, the credit is {row['credit']} per cent of the charge below; "
            f"if it is missed in three months of any six, the service managers meet and agree a plan for improvement within ten Business Days.\n"
            f"Charge: {price}. Growth or decline of the scope by up to ten per cent does not change the charge; beyond that it follows in proportion from the next quarter.\n"
            f"Dependencies: Client names an owner for this service, approves planned work, and gives Supplier access to its premises where the work needs it. "
            f"Supplier keeps an operating manual for this service and hands it over on request and at the end.\n"
        )
    rates = "".join(
        f"{role}: £{rate} a day.\n"
        for role, rate in (
            ("Engineer", 460),
            ("Senior engineer", 590),
            ("Architect", 780),
            ("Project manager", 640),
            ("Security analyst", 690),
        )
    )
    total = sum(int(row["charge"]) for row in services)
    out.append(
        f"\f## Schedule 2 Charges\nThe monthly charges of Schedule 1 add up to £{total:,}. Day rates for work on request:\n{rates}Break costs on termination for convenience: £310,000 in the first contract year, falling by £75,000 each year.\n"
    )
    out.append(
        "\f## Schedule 3 Data protection and subcontractors\nSupplier processes names, contact details, account numbers and consumption of customers of Client, for the purposes of Schedule 1 only. Subcontractors: Pennine Fibre Limited (lines), Aire Data Centres Limited (space and power), Harrogate Print Limited (bills).\n"
    )
    return out
