"""Train a convolutional network on real digits with the library's parts, a step at a time.

The same script runs on a GPU: to_device decides where the arrays live, and the arrays decide which kernels run.
"""

import numpy as np

import gpuconv
from gpuconv import nn
from gpuconv.training import digits

data = digits()
rng = np.random.default_rng(0)
model = nn.Sequential(
    nn.Conv2d(1, 16, 3, 1, 1, seed=rng),
    nn.ReLU(),
    nn.Conv2d(16, 32, 3, 1, 1, seed=rng),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(512, 10, seed=rng),
)
print(nn.summary(model, (1, 1, 8, 8)), end="\n\n")
loss, optimizer = nn.CrossEntropyLoss(), gpuconv.SGD(model.parameters(), 0.05, 0.9)

for epoch in range(5):
    total = 0.0
    for batch in np.array_split(rng.permutation(len(data.train_labels)), 45):
        x, target = gpuconv.to_device(data.train_images[batch]), gpuconv.to_device(data.train_labels[batch])
        total += float(loss(model(x), target)) * len(batch)
        optimizer.zero_grad()
        model.backward(loss.backward(), input_grad=False)
        optimizer.step()
    scores = gpuconv.to_host(model(gpuconv.to_device(data.test_images)))
    accuracy = (scores.argmax(1) == data.test_labels).mean()
    print(f"epoch {epoch + 1}: loss {total / len(data.train_labels):.4f}, test accuracy {accuracy:.2%}")

if accuracy < 0.95:
    raise SystemExit("the network has not learned")
