"""Why initial weights must differ: a network of equal weights has one filter a layer, however long it trains."""

from gpuconv import SGD, nn, symmetry_report
from gpuconv.nn import init
from gpuconv.training import digits, fit, lenet

data = digits()
data = data._replace(train_images=data.train_images[:480], train_labels=data.train_labels[:480])

for name in ("constant", "kaiming_normal"):
    model = lenet((1, 8, 8), 10, init=init.BY_NAME[name], seed=0)
    rows = fit(model, nn.CrossEntropyLoss(), SGD(model.parameters(), 0.05, momentum=0.9), data, epochs=5, batch_size=32)
    report = symmetry_report(model)
    print(f"{name}: test accuracy {rows[-1].test_accuracy:.2%} after training")
    print(report, end="\n\n")
    if report.symmetric != (name == "constant"):
        raise SystemExit("the symmetry argument fails")
