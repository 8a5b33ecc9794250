"""What a user installs holds what the commands need."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_a_wheel_holds_both_packages_the_grammar_the_spaces_and_the_error_pages(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "spacelang/grammars/space.lark" in names
    assert "spacelang/errors/E0101.md" in names
    for folder, inside in (("spacelang", "spacelang"), ("runtime/spacelang_runtime", "spacelang_runtime")):
        for path in (ROOT / folder).rglob("*.py"):
            assert f"{inside}/{path.relative_to(ROOT / folder)}" in names
    for path in (ROOT / "spaces").glob("*.space"):
        assert f"spacelang/spaces/{path.name}" in names


def test_an_installed_wheel_checks_a_shipped_space(tmp_path: Path) -> None:
    """Unpacked somewhere else, with no checkout around it."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = "import sys; sys.path.insert(0, 'site'); import spacelang; print(spacelang.__file__)\n"
    code += "sys.argv = ['spacelang', 'check', 's3.space']; from spacelang.cli import main; main()"
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout
    assert str(tmp_path) in out
    assert "s3.space: ok" in out
