"""Wrong answers to the exercises of *What a teacher says*: number, answers, words of the sentence that they get."""

TWO = "my_kl, my_cross_entropy, my_gold_at_8, many_z, gold"
THREE = "my_said, %s, my_surer, ner, said"

WRONG = [
    (1, "my_qp, my_pq, my_prefers", "the other way round"),
    (1, "{name: kl(np.exp(two_tags), np.exp(z)) for name, z in students.items()}, my_qp, my_prefers", "for logits"),
    (1, "{name: value / np.log(2) for name, value in my_pq.items()}, my_qp, my_prefers", "in bits"),
    (1, "my_pq, {name: -value for name, value in my_qp.items()}, my_prefers", "wrong sign"),
    (1, "my_pq, my_qp, {'KL(p||q)': 'bets on one', 'KL(q||p)': 'spreads'}", "a small divergence is a good one"),
    (1, "my_pq, my_qp, {'KL(p||q)': 'uniform', 'KL(q||p)': 'spreads'}", "possible are"),
    (2, TWO.replace("my_kl", "kl(many_z, sure).mean()"), "the other way round"),
    (2, TWO.replace("my_kl", "my_kl * 500"), "sum over the words"),
    (2, TWO.replace("my_cross_entropy", "my_cross_entropy / 9"), "number of tags"),
    (2, TWO.replace("my_cross_entropy", "-my_cross_entropy"), "wrong sign"),
    (2, TWO.replace("my_gold_at_8", "sure_at_8.min()"), "each of the other tags"),
    (2, TWO.replace("my_gold_at_8", "1 - my_gold_at_8"), "all other tags"),
    (2, TWO.replace("my_gold_at_8", "softmax(sure).max()"), "temperature 1"),
    (2, TWO.replace("my_gold_at_8", "84.2"), "cannot be above 1"),
    (3, "said, my_entropy, my_surer, ner, said", "which `said` holds already"),
    (3, "my_said[:100], my_entropy, my_surer, ner, said", "the first 200 training sentences"),
    (3, THREE % "{split: value / np.log(2) for split, value in my_entropy.items()}", "in bits"),
    (3, THREE % "{split: -value for split, value in my_entropy.items()}", "wrong sign"),
    (3, THREE % "my_entropy | {'train': np.mean([mean_entropy([one]) for one in my_said])}", "sentences' means"),
    (3, "my_said, my_entropy, {'train': 'validation', 'validation': 'train'}[my_surer], ner, said", "entropy is doubt"),
    (3, "teacher, my_entropy, my_surer, ner, said", "what logits_of gives"),
    (4, "scores['ALBETO tiny, gold labels'], my_helped, my_gain, scores", "trained on all the sentences"),
    (4, "my_alone, scores['BETO cased, the teacher'], my_gain, scores", "an evaluation of BETO cased"),
    (4, "my_helped, my_helped, my_gain, scores", "the same run"),
    (4, "my_alone, my_helped, -my_gain, scores", "wrong sign"),
    (4, "my_alone, my_helped, my_gain / 100, scores", "a share"),
    (4, "my_alone.metrics['f1'], my_helped, my_gain, scores", "should be an evaluation"),
]  # fmt: skip
