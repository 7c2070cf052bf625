"""The optimizers, schedules and options that are compared with the oracle and with PyTorch. Imports neither library."""

OPTIMIZERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.02}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.02, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1, "amsgrad": True}),
    ("Adam", {"lr": 0.05, "maximize": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.3, "amsgrad": True, "maximize": True}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.02, "alpha": 0.9, "momentum": 0.7, "weight_decay": 0.1}),
    ("RMSprop", {"centered": True, "maximize": True}),
    ("RMSprop", {"lr": 0.02, "alpha": 0.9, "centered": True, "momentum": 0.7, "eps": 1e-4}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.3, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5, "maximize": True}),
]

SCHEDULES = [
    ("StepLR", {"step_size": 7}),
    ("MultiStepLR", {"milestones": [20, 5, 5], "gamma": 0.5}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("CosineAnnealingLR", {"T_max": 18, "eta_min": 0.01}),
    ("LinearLR", {"start_factor": 0.1, "end_factor": 0.7, "total_iters": 13}),
    ("ConstantLR", {"factor": 0.2, "total_iters": 9}),
    ("OneCycleLR", {"max_lr": 0.8, "total_steps": 50}),
    ("OneCycleLR", {"max_lr": 0.8, "epochs": 10, "steps_per_epoch": 6, "anneal_strategy": "linear", "pct_start": 0.45}),
    ("OneCycleLR", {"max_lr": 0.8, "total_steps": 53, "three_phase": True, "div_factor": 10, "final_div_factor": 1e2}),
    ("OneCycleLR", {"max_lr": 0.8, "total_steps": 50, "cycle_momentum": False, "pct_start": 0.0}),
    (
        "SequentialLR",
        {
            "schedules": [
                ("LinearLR", {"start_factor": 0.01, "total_iters": 6}),
                ("CosineAnnealingLR", {"T_max": 20}),
                ("ConstantLR", {"factor": 0.1, "total_iters": 100}),
            ],
            "milestones": [6, 26],
        },
    ),
]

METRICS = [5, 4, 4, 4.5, 3.9, 3.95, float("nan"), 3.9, 3.9, 3.8999, 2, 2.1, 2.2, 2.3, 1.99, *[2.0] * 20, 1, *[1.5] * 10]
PLATEAUS = [
    ("ReduceLROnPlateau", {"patience": 2}),
    ("ReduceLROnPlateau", {"patience": 1, "threshold": 0.5, "threshold_mode": "abs", "cooldown": 3, "min_lr": 1e-4}),
    ("ReduceLROnPlateau", {"mode": "max", "patience": 3, "factor": 0.3, "threshold": 0.02}),
    ("ReduceLROnPlateau", {"mode": "max", "patience": 0, "threshold_mode": "abs", "eps": 1e-2}),
]


def name_of(case):
    """A case in a few words."""
    name, options = case
    return ", ".join([name, *(f"{key}={value}" for key, value in options.items())])
