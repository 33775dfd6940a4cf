#!/usr/bin/env python3
"""The network of `mnist-cnn` in PyTorch: its training rate, and its accuracy on the order of samples that train_mnist used.

    mnist_cnn.py rate [--seconds S]
    mnist_cnn.py train DATA --order FILE --initial FILE [--learning-rate R] [--momentum M] [--cosine] [--batch B]

DATA is the folder with MNIST's IDX files. Without --initial PyTorch draws Glorot-uniform weights itself. One thread.
Debian: python3-torch, python3-numpy; libopenblas0-pthread, or dense layers run on a slow reference BLAS.
"""
import argparse
import gzip
import math
import pathlib
import time

import numpy as np
import torch
from torch import nn


class Flatten(nn.Module):
    """Channels last, as train_mnist's parameters expect."""

    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


def mnist_cnn():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10))


def initialise(network, path):
    """From the flat block: layer after layer, weights (inputs x outputs), then biases."""
    values = torch.from_numpy(np.fromfile(path, dtype=np.float32)) if path else None
    for layer in network:
        if not isinstance(layer, (nn.Conv2d, nn.Linear)):
            continue
        if values is None:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
            continue
        weights, biases, values = torch.split(
            values, [layer.weight.numel(), layer.bias.numel(), len(values) - layer.weight.numel() - layer.bias.numel()])
        if isinstance(layer, nn.Conv2d):
            outputs, inputs, height, width = layer.weight.shape
            weights = weights.reshape(height, width, inputs, outputs).permute(3, 2, 0, 1)
        else:
            weights = weights.reshape(layer.in_features, layer.out_features).t()
        with torch.no_grad():
            layer.weight.copy_(weights)
            layer.bias.copy_(biases)
    if values is not None and len(values):
        raise SystemExit(f"{path}: {len(values)} values too many")


def step(network, optimizer, inputs, labels):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(network(inputs), labels)
    loss.backward()
    optimizer.step()
    return loss


def measure(seconds):
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} thread, samples per second of processor time")
    for layout in (torch.contiguous_format, torch.channels_last):
        for batch in (10, 64):
            torch.manual_seed(1)
            network = mnist_cnn().to(memory_format=layout)
            optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
            inputs = torch.rand(batch, 1, 28, 28).to(memory_format=layout)
            labels = torch.randint(10, (batch,))
            for _ in range(5):
                step(network, optimizer, inputs, labels)
            steps = max(1, 100 // batch)
            rates = []
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                begin = time.thread_time()
                for _ in range(steps):
                    step(network, optimizer, inputs, labels)
                rates.append(steps * batch / (time.thread_time() - begin))
            print(f"  {str(layout):25} batch {batch:2}: best {max(rates):.0f}, median {np.median(rates):.0f}", flush=True)


def read_idx(directory, name):
    path = pathlib.Path(directory) / name
    opened = open(path, "rb") if path.exists() else gzip.open(f"{path}.gz", "rb")
    with opened as file:
        content = file.read()
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", dimensions, 4)
    return torch.from_numpy(np.frombuffer(content, np.uint8, -1, 4 + 4 * dimensions).reshape(shape).copy())


def read_part(directory, part):
    images = read_idx(directory, f"{part}-images-idx3-ubyte").unsqueeze(1)
    return images, read_idx(directory, f"{part}-labels-idx1-ubyte").long()


def accuracy(network, images, labels):
    network.eval()
    with torch.no_grad():
        correct = sum((network(x.float() / 255).argmax(1) == y).sum().item()
                      for x, y in zip(images.split(500), labels.split(500)))
    network.train()
    return correct / len(labels)


def train(options):
    images, labels = read_part(options.data, "train")
    test = read_part(options.data, "t10k")
    order = torch.from_numpy(np.loadtxt(options.order, dtype=np.int64))
    torch.manual_seed(options.seed)
    network = mnist_cnn()
    initialise(network, options.initial)
    optimizer = torch.optim.SGD(network.parameters(), lr=options.learning_rate, momentum=options.momentum)
    steps = len(order) // options.batch
    factor = (lambda step: (1 + math.cos(math.pi * min(1, step / steps))) / 2) if options.cosine else (lambda step: 1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    seconds, done = 0.0, 0
    for chosen in order.split(options.batch):
        begin = time.thread_time()
        step(network, optimizer, images[chosen].float() / 255, labels[chosen])
        schedule.step()
        seconds += time.thread_time() - begin
        done += len(chosen)
        if done % 10_000 < len(chosen) or done == len(order):
            print(f"{done:7} samples, {seconds:4.0f} s: test accuracy {accuracy(network, *test):.4f}", flush=True)
    print(f"PyTorch {torch.__version__}, learning rate {options.learning_rate:g}, momentum {options.momentum:g}, "
          f"batches of {options.batch}, {len(order) / seconds:.0f} samples per second of processor time")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    rate = commands.add_parser("rate")
    rate.add_argument("--seconds", type=float, default=10)
    training = commands.add_parser("train")
    training.add_argument("data")
    training.add_argument("--order", required=True, help="indices of samples, one a line")
    training.add_argument("--initial", help="initial parameters, floats as train_mnist writes them")
    training.add_argument("--learning-rate", type=float, default=0.05)
    training.add_argument("--momentum", type=float, default=0.0)
    training.add_argument("--cosine", action="store_true", help="as train_mnist's")
    training.add_argument("--batch", type=int, default=10)
    training.add_argument("--seed", type=int, default=1, help="of the dropout, and of the weights without --initial")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.command == "rate":
        measure(options.seconds)
    else:
        train(options)


if __name__ == "__main__":
    main()
