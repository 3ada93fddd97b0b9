"""Attention and CLIP's contrastive loss in PyTorch: what our kernels are timed and weighed against (main.go starts this
program).

    python peer.py JOB

JOB is JSON: op (attention or contrastive), pass (forward or forward+backward), causal, scale, threads, inputs (each a
name, a file of float32 numbers, its dims) and folder (for the outputs). Once the inputs are there it says so, and from
then on it reads commands from stdin and answers each with one line of JSON, until stdin ends:

    at the start           {"by": "PyTorch …"}
    weigh BYTES            executes once, writes the outputs   →   {"peak_bytes": N}
    turn SECONDS BYTES     executes for so long                →   {"seconds": S}, of the fastest
    rest                   gives free memory back to the system   →   {}

BYTES is how much more memory it may take; when that is not enough the answer is {"refused": "…"}.

peak_bytes is by how much the resident memory (/proc/self/status) grew at most: VmHWM after the execution less VmRSS before,
less the growth of RssFile, which is code that is used for the first time. So it is intermediate results, outputs, and
what the libraries take besides, without inputs.
"""

import ctypes
import json
import resource
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

LONG = 10  # seconds, from when on the system's clearing of memory may count as a part of an execution

try:
    trim = ctypes.CDLL(None).malloc_trim
except AttributeError:  # not glibc

    def trim(_):
        pass


def status(entry):
    with open("/proc/self/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(entry + ":"):
                return int(line.split()[1]) << 10
    raise SystemExit(f"/proc/self/status has no {entry}")


def read(array):
    return torch.from_numpy(np.fromfile(array["file"], "<f4").reshape(array["dims"]))


class Attention:
    """softmax(q·kᵀ/√K)·v. Files have the axes [B, L, H, K]; PyTorch is given its own order, [B, H, L, K], contiguous."""

    def __init__(self, job, rows=None):
        self.q, self.k, self.v, *self.dz = [read(a)[:, :rows].transpose(1, 2).contiguous() for a in job["inputs"]]
        self.causal = job.get("causal", False)
        for x in self.q, self.k, self.v:
            x.requires_grad_(job["pass"] != "forward")

    def compute(self):
        z = F.scaled_dot_product_attention(self.q, self.k, self.v, is_causal=self.causal)
        if not z.requires_grad:
            return {"z": z}
        dq, dk, dv = torch.autograd.grad(z, (self.q, self.k, self.v), self.dz[0])
        return {"z": z, "dq": dq, "dk": dk, "dv": dv}

    def write(self, x):
        return x.transpose(1, 2)


class Contrastive:
    """CLIP's loss of unit rows x and y (Radford et al. 2021, figure 3). Scaling x saves a matrix over scaling logits."""

    def __init__(self, job, rows=None):
        self.x, self.y = [read(a)[:rows].requires_grad_(job["pass"] != "forward") for a in job["inputs"]]
        self.scale, self.labels = job["scale"], torch.arange(len(self.x))

    def compute(self):
        logits = (self.scale * self.x) @ self.y.T
        loss = (F.cross_entropy(logits, self.labels) + F.cross_entropy(logits.T, self.labels)) / 2
        if not loss.requires_grad:
            return {"loss": loss}
        del logits  # autograd keeps what it needs
        dx, dy = torch.autograd.grad(loss, (self.x, self.y))
        return {"loss": loss, "dx": dx, "dy": dy}

    def write(self, x):
        return x


class Worker:
    def __init__(self, job):
        kind = {"attention": Attention, "contrastive": Contrastive}[job["op"]]
        kind(job, rows=16).compute()  # what PyTorch sets up once, some 35 MB, is not the operation's
        self.op = kind(job)
        self.folder, self.fresh = job["folder"], True
        trim(0)
        self.resident, self.data = status("VmRSS"), status("VmData")

    def limit(self, more):
        """Lets malloc fail, with a RuntimeError, where more than so many bytes are asked for besides what is there."""
        most = self.data + max(status("VmRSS") - self.resident, 0) + more
        resource.setrlimit(resource.RLIMIT_DATA, (most, resource.RLIM_INFINITY))

    def weigh(self):
        trim(0)
        before, files = status("VmRSS"), status("RssFile")
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")  # sets VmHWM back to what is now
        outputs = self.op.compute()
        peak = status("VmHWM") - before - (status("RssFile") - files)
        for name, x in outputs.items():
            self.op.write(x).detach().contiguous().numpy().astype("<f4", copy=False).tofile(f"{self.folder}/{name}.f32")
        return {"peak_bytes": max(peak, 0)}

    def turn(self, length):
        best, begin, n = float("inf"), time.perf_counter(), 0
        # Fresh memory makes the first execution slower, so there is a second unless it is long.
        while n == 0 or (self.fresh and n == 1 and best < LONG) or time.perf_counter() - begin < length:
            start = time.perf_counter()
            outputs = self.op.compute()
            best = min(best, time.perf_counter() - start)
            del outputs
            n += 1
        self.fresh = False
        return {"seconds": best}

    def rest(self):
        trim(0)
        self.fresh = True
        return {}

    def within(self, more, act, *arguments):
        self.limit(more)
        try:
            return act(*arguments)
        except RuntimeError as error:
            if "memory" not in str(error):
                raise
        self.rest()
        return {"refused": f"needs more than the {more / 1e9:.1f} GB that are free"}

    def obey(self, command):
        match command.split():
            case ["weigh", more]:
                return self.within(int(more), self.weigh)
            case ["turn", seconds, more]:
                return self.within(int(more), self.turn, float(seconds))
            case ["rest"]:
                return self.rest()
        return {"error": f"unknown command {command.strip()!r}: use 'weigh BYTES', 'turn SECONDS BYTES' or 'rest'"}


def answer(message):
    print(json.dumps(message), flush=True)


def main(arguments):
    if len(arguments) != 1:
        sys.exit("usage: peer.py JOB")
    try:  # the process that the system ends when memory runs out
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("1000")
    except OSError:
        pass  # chance decides
    job = json.loads(arguments[0])
    torch.set_num_threads(job["threads"])
    torch.set_grad_enabled(job["pass"] != "forward")
    worker = Worker(job)
    answer({"by": f"PyTorch {torch.__version__}, eager, {torch.get_num_threads()} threads"})
    for line in sys.stdin:
        answer(worker.obey(line))


if __name__ == "__main__":
    main(sys.argv[1:])
