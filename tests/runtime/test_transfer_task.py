"""The tasks that a backbone can be trained for."""

import sys

import pytest

from spacelang_runtime.failure import Failure
from spacelang_runtime.tasks.registry import task


@pytest.mark.parametrize(
    ("name", "package"), [("detect", "pycocotools"), ("segment", "torchmetrics"), ("vqa", "transformers")]
)
def test_a_package_that_is_not_installed_is_named_with_the_extra_that_has_it(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [module for module in sys.modules if module.startswith(f"spacelang_runtime.tasks.{name}")]:
        monkeypatch.delitem(sys.modules, module)
    for module in [module for module in sys.modules if module.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(Failure, match=f"{name} needs a package that is not installed: {package}") as raised:
        task(name)
    assert "[transfer]" in str(raised.value.remedy)
