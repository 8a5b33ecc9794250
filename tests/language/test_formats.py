"""Programs are told the same as people, in the shape that they know."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from spacelang.check import compile_text
from spacelang.codes import TITLES
from spacelang.formats import Report, written
from spacelang.source import Source

FOLDER = Path(__file__).resolve().parents[1] / "golden"
TEXTS = [path.read_bytes().decode().partition("\n" + "=" * 60)[0] + "\n" for path in sorted(FOLDER.glob("*.txt"))]
REPORTS = [
    Report(source, compile_text(source).diagnostics)
    for source in (Source(f"some folder/{number}.space", text) for number, text in enumerate(TEXTS))
]
FOUND = [found for report in REPORTS for found in report.diagnostics]


def test_the_short_form_is_a_line_for_each_finding_with_its_place() -> None:
    lines = written(REPORTS, "short").splitlines()
    assert len(lines) == len(FOUND) > 200
    for line in lines:
        assert re.fullmatch(r"some folder/\d+\.space:\d+:\d+: (error|warning)\[[EW]0\d{3}\]: .+", line)


def test_json_says_where_by_the_characters_of_the_text() -> None:
    records = json.loads(written(REPORTS, "json"))
    assert len(records) == len(FOUND)
    texts = {report.source.name: report.source for report in REPORTS}
    for record in records:
        source = texts[record["file"]]
        line = source.line(record["line"])
        assert 1 <= record["column"] <= len(line) + 2
        assert (record["end_line"], record["end_column"]) >= (record["line"], record["column"])
        assert record["help"] or record["notes"]


def test_annotations_of_github_hold_in_one_line_each() -> None:
    lines = written(REPORTS, "github").split("\n")
    assert len(lines) == len(FOUND)
    assert all(re.match(r"::(error|warning) file=[^,:]+,line=\d+,endLine=\d+,col=\d+,", line) for line in lines)


def test_sarif_has_what_its_version_demands() -> None:
    log = json.loads(written(REPORTS, "sarif"))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted({found.code for found in FOUND})
    assert len(run["results"]) == len(FOUND)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] in TITLES
        assert result["level"] in ("error", "warning")
        assert result["message"]["text"]
        for location in [*result["locations"], *result.get("relatedLocations", [])]:
            physical = location["physicalLocation"]
            assert " " not in physical["artifactLocation"]["uri"]
            region = physical["region"]
            assert all(isinstance(value, int) and value >= 1 for value in region.values())
        for fix in result.get("fixes", []):
            (change,) = fix["artifactChanges"]
            assert change["replacements"][0]["deletedRegion"]


@pytest.mark.parametrize("format", ["short", "json", "github", "sarif"])
def test_the_command_prints_a_format_on_standard_output_and_fails_for_errors(format: str, tmp_path: Path) -> None:
    (tmp_path / "x.space").write_text("edition 2026\nspace x\nimage: 32\n")
    code = "from spacelang.cli import main; main()"
    out = subprocess.run(
        [sys.executable, "-c", code, "check", "--format", format, "x.space"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert out.returncode == 1
    assert "E0102" in out.stdout
    assert out.stderr == ""
