"""Several hosts: the script of the documentation, with two that meet on this one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import processes
import pytest
from image_folder import image_folder

from spacelang_runtime.engine.run import every

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "docs" / "train.sbatch"

# What the words of Slurm and of torch do on two hosts.
SRUN = """#!/bin/bash
shift  # --kill-on-bad-exit
for _ in $(seq "$SLURM_NNODES"); do "$@" & all+=($!); done
for one in "${all[@]}"; do wait "$one" || exit 1; done
"""
SCONTROL = "#!/bin/bash\necho 127.0.0.1\necho 127.0.0.2\n"
TORCHRUN = f'#!/bin/bash\nexec {sys.executable} -m torch.distributed.run "$@"\n'
SPACELANG = f'#!/bin/bash\nexec {sys.executable} -m spacelang "$@"\n'


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_two_hosts_meet_and_train_one_run_and_one_host_goes_on_with_it(tmp_path):
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL), ("torchrun", TORCHRUN), ("spacelang", SPACELANG)):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    photos = image_folder(tmp_path / "photos", classes=tuple("abcdefghij"), size=(8, 8))
    environment = os.environ | {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "SLURM_JOB_ID": "4711",
        "SLURM_JOB_NODELIST": "node[1-2]",
        "PROCESSES": "1",
        "PORT": str(processes.free_port()),
        "SPACE": str(ROOT / "spaces" / "digits.space"),
        "DATA": str(photos),
    }
    words = ["bash", str(SCRIPT), "--device", "cpu", "--workers", "0", "--steps"]
    for hosts, steps in ((2, 2), (1, 4)):
        environment |= {"SLURM_NNODES": str(hosts)}
        ended = subprocess.run([*words, str(steps)], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        (run,) = every(tmp_path / "runs" / "4711")
        assert run.state.step == steps
        assert run.record.processes == 2
