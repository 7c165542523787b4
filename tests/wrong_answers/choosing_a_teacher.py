"""Wrong answers to the exercises of *Choosing a teacher*: number, answers, words of the sentence that they get."""

WRONG = [
    (1, "my_entropy / math.log(2), my_loss", "in bits"),
    (1, "math.log(2), my_loss", "equally frequent"),
    (1, "-share * math.log(share), my_loss", "the larger class only"),
    (1, "my_entropy, 'teacher'", "would be smaller"),
    (1, "my_entropy, 'KL'", "possible are"),
    (2, "2 * my_runs, my_pawsx_hours, my_xnli_hours, sigma, cost", "both losses together"),
    (2, "math.ceil(2 * (NormalDist().inv_cdf(0.95) + NormalDist().inv_cdf(0.8)) ** 2 * sigma**2 / 0.25),"
        " my_pawsx_hours, my_xnli_hours, sigma, cost", "one side only"),
    (2, "my_runs / 2, my_pawsx_hours, my_xnli_hours, sigma, cost", "lacks the 2"),
    (2, "my_runs, my_pawsx_hours / 2, my_xnli_hours, sigma, cost", "one of the two losses"),
    (2, "my_runs, my_pawsx_hours, 42 * my_xnli_hours, sigma, cost", "hours of all 42 runs"),
    (2, "my_runs - 0.5, my_pawsx_hours, my_xnli_hours, sigma, cost", "a whole number"),
    (3, "{name: part / whole_variance for name, part in my_parts.items()}, sigma", "a share of the whole"),
    (3, "my_parts | {'student': my_parts['student'] * 7 / 6}, sigma", "one less than the number of levels"),
    (3, "my_parts | {'the rest': calm['accuracy'].var() - sum(list(my_parts.values())[:3])}, sigma", "ddof=0"),
    (3, "my_parts | {'the rest': whole_variance}, sigma", "take the three parts off"),
    (3, "{name: math.sqrt(part) for name, part in my_parts.items()}, sigma", "a standard deviation"),
    (4, "my_kl, my_kl, my_apart", "with the loss 'kl', not 'soft_cross_entropy'"),
    (4, "pupils['DistilBETO', 1], my_soft, my_apart", "differ in their epochs"),
    (4, "my_kl, my_soft, my_apart + 1", "compare validation"),
    (4, "masters['DistilBETO'], my_soft, my_apart", "was fine-tuned"),
    (5, "my_success, 3, my_together, my_gain, pupils", "You planned 3 seeds and ran 2"),
    (5, "my_success, 2, [pupils['DistilBETO', 1], pupils['DistilBETO', 2]], my_gain, pupils", "has not two teachers"),
    (5, "my_success, my_seeds, my_together, -my_gain, pupils", "wrong sign"),
    (5, "my_success, my_seeds, my_together, np.mean([run.validation['f1'] for run in my_together])"
        " - np.mean([min(pupils[name, seed].validation['f1'] for name in (strong, kin)) for seed in (1, 2)]), pupils",
        "the worse of the two"),
]  # fmt: skip
