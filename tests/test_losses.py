"""The losses of distillation: numbers worked out by hand, properties, masks that nothing gets through."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from speedy_utils.distillation import losses
from speedy_utils.distillation.losses import (
    Distillation,
    attention_loss,
    combined_loss,
    gold_cross_entropy,
    hidden_state_loss,
    kl_divergence,
    logit_mse,
    soft_cross_entropy,
)

PROBABILISTIC = [kl_divergence, soft_cross_entropy]
ALL = list(losses.DISTILLATION_LOSSES.values())
LOG2 = math.log(2)

finite = st.floats(-8, 8, width=32)
shapes = st.tuples(st.integers(1, 5), st.integers(2, 6))


@st.composite
def pairs(draw):
    """Logits of a student and a teacher, (rows, choices)."""
    rows, choices = draw(shapes)
    values = draw(st.lists(finite, min_size=2 * rows * choices, max_size=2 * rows * choices))
    student, teacher = torch.tensor(values, dtype=torch.float32).view(2, rows, choices)
    return student, teacher


def gradient(loss, student, *args, **options):
    student = student.clone().requires_grad_()
    loss(student, *args, **options).backward()
    return student.grad


# By hand


def test_two_choices_by_hand():
    """p = (3/4, 1/4), q = (1/2, 1/2): KL = log 2 - H(p)."""
    teacher, student = torch.tensor([[math.log(3), 0.0]]), torch.zeros(1, 2)
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert kl_divergence(student, teacher).item() == pytest.approx(LOG2 - entropy, abs=1e-6)
    assert soft_cross_entropy(student, teacher).item() == pytest.approx(LOG2, abs=1e-6)
    assert logit_mse(student, teacher).item() == pytest.approx(math.log(3) ** 2 / 2, abs=1e-6)


def test_a_temperature_by_hand():
    """log 9 over T = 2 is log 3: the numbers from above, times T² = 4."""
    teacher, student = torch.tensor([[math.log(9), 0.0]]), torch.zeros(1, 2)
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert kl_divergence(student, teacher, 2).item() == pytest.approx(4 * (LOG2 - entropy), abs=1e-5)
    assert soft_cross_entropy(student, teacher, 2).item() == pytest.approx(4 * LOG2, abs=1e-5)


def test_the_gradient_by_hand():
    """The gradient of KL is T · (q - p) / rows."""
    teacher, student = torch.tensor([[math.log(9), 0.0], [0.0, 0.0]]), torch.zeros(2, 2)
    expected = 2 * torch.tensor([[0.5 - 0.75, 0.5 - 0.25], [0.0, 0.0]]) / 2
    assert torch.allclose(gradient(kl_divergence, student, teacher, temperature=2), expected, atol=1e-6)


def test_the_weight_of_the_gold_labels_has_the_direction_of_its_name():
    student, teacher = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    labels = torch.tensor([0])
    gold, soft = gold_cross_entropy(student, labels).item(), kl_divergence(student, teacher).item()
    assert gold == pytest.approx(math.log(1 + math.exp(-2)), abs=1e-6)
    for weight in (0, 0.25, 1):
        found = combined_loss(student, teacher, labels, Distillation(gold_weight=weight)).item()
        assert found == pytest.approx(weight * gold + (1 - weight) * soft, abs=1e-6)
    assert combined_loss(student, teacher).item() == pytest.approx(soft, abs=1e-6)


def test_with_gold_logits_soft_and_gold_cross_entropy_agree():
    student, labels = torch.randn(7, 4, generator=torch.Generator().manual_seed(0)), torch.arange(7) % 4
    teacher = torch.full((7, 4), -1e4).scatter_(1, labels[:, None], 0.0)
    assert torch.allclose(soft_cross_entropy(student, teacher), gold_cross_entropy(student, labels))


# Properties


@given(pairs(), st.sampled_from([0.5, 1.0, 3.0]))
@settings(deadline=None)
def test_kl_and_soft_cross_entropy_have_the_same_gradient(logits, temperature):
    student, teacher = logits
    one, two = (gradient(loss, student, teacher, temperature=temperature) for loss in PROBABILISTIC)
    assert torch.allclose(one, two, atol=1e-5)


@given(pairs(), st.sampled_from([0.5, 1.0, 3.0]))
@settings(deadline=None)
def test_kl_is_zero_for_the_same_and_never_negative(logits, temperature):
    student, teacher = logits
    assert kl_divergence(student, teacher, temperature).item() >= -1e-5
    assert kl_divergence(teacher, teacher + 3, temperature).item() == pytest.approx(0, abs=1e-4)


@given(pairs())
@settings(deadline=None)
def test_t_squared_keeps_the_scale_of_the_gradient(logits):
    """For a high T the gradient nears (z - mean z - v + mean v) / choices (Hinton et al. 2015, equation 4)."""
    student, teacher = logits
    gap = (student - student.mean(-1, keepdim=True)) - (teacher - teacher.mean(-1, keepdim=True))
    expected = gap / student.shape[1] / student.shape[0]
    assert torch.allclose(gradient(kl_divergence, student, teacher, temperature=500.0), expected, atol=0.02)


@pytest.mark.parametrize("loss", ALL)
@given(logits=pairs(), data=st.data())
@settings(deadline=None)
def test_the_order_of_a_batch_changes_nothing(loss, logits, data):
    student, teacher = logits
    order = data.draw(st.permutations(range(len(student))))
    counted = torch.tensor(data.draw(st.lists(st.booleans(), min_size=len(student), max_size=len(student))))
    one = loss(student, teacher, counted=counted)
    two = loss(student[order], teacher[order], counted=counted[order])
    assert torch.allclose(one, two, atol=1e-5)


@pytest.mark.parametrize("loss", ALL)
@pytest.mark.parametrize("poison", [0.0, 1e30, math.inf, -math.inf, math.nan])
@given(logits=pairs(), data=st.data())
@settings(deadline=None, max_examples=20)
def test_nothing_gets_through_the_masks(loss, poison, logits, data):
    """Whatever stands in rows that do not count and at places that are not allowed: same loss, gradient 0 there."""
    student, teacher = logits
    rows, choices = student.shape
    counted = torch.tensor(data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows)))
    allowed = torch.tensor(data.draw(st.lists(st.booleans(), min_size=rows * choices, max_size=rows * choices)))
    allowed = allowed.view(rows, choices)
    allowed[counted, 0] = True
    open_ = allowed & counted[:, None]
    masks = {"counted": counted, "allowed": allowed}
    clean, grad = loss(student, teacher, **masks), gradient(loss, student, teacher, **masks)
    other = [logits.masked_fill(~open_, poison) for logits in (student, teacher)]
    assert torch.allclose(loss(*other, **masks), clean, atol=1e-5)
    again = gradient(loss, *other, **masks)
    assert torch.allclose(again, grad, atol=1e-5)
    assert (again[~open_] == 0).all()


@pytest.mark.parametrize("loss", PROBABILISTIC)
@given(logits=pairs())
@settings(deadline=None)
def test_a_choice_that_is_not_allowed_is_as_if_it_were_not_there(loss, logits):
    student, teacher = logits
    wider = [torch.cat([one, torch.full((len(one), 2), 7.0)], dim=1) for one in (student, teacher)]
    allowed = torch.arange(student.shape[1] + 2).expand(len(student), -1) < student.shape[1]
    assert torch.allclose(loss(*wider, allowed=allowed), loss(student, teacher), atol=1e-5)


@pytest.mark.parametrize("loss", [*ALL, "gold"])
def test_parts_of_a_batch_add_up_to_the_whole(loss):
    """With `total`, micro-batches sum to the loss of the batch, however unevenly the counted rows fall."""
    generator = torch.Generator().manual_seed(1)
    student, teacher = torch.randn(2, 6, 5, 4, generator=generator)
    labels = torch.randint(0, 4, (6, 5), generator=generator).masked_fill(
        torch.rand(6, 5, generator=generator) < 0.5, -100
    )
    counted = labels != losses.IGNORED

    def value(part, total=None):
        if loss == "gold":
            return gold_cross_entropy(student[part], labels[part], total=total)
        return loss(student[part], teacher[part], counted=counted[part], total=total)

    parts = value(slice(0, 1), counted.sum()) + value(slice(1, 6), counted.sum())
    assert torch.allclose(parts, value(slice(0, 6)))


@pytest.mark.parametrize("loss", ALL)
def test_nothing_to_learn_from_is_no_loss_and_no_nan(loss):
    student = torch.randn(3, 4).requires_grad_()
    value = loss(student, torch.randn(3, 4), counted=torch.zeros(3, dtype=torch.bool))
    value.backward()
    assert value.item() == 0
    assert (student.grad == 0).all()


@pytest.mark.parametrize("loss", ALL)
def test_half_precision_is_summed_in_single(loss):
    student, teacher = torch.randn(2, 64, 9, generator=torch.Generator().manual_seed(2))
    half = loss(student.bfloat16(), teacher.bfloat16())
    assert half.dtype == torch.float32
    assert torch.allclose(half, loss(student.bfloat16().float(), teacher.bfloat16().float()))


# Below the logits


def test_hidden_states_by_hand_and_masked():
    student, teacher = torch.zeros(1, 3, 2), torch.tensor([[[1.0, 1.0], [3.0, 1.0], [math.nan, math.nan]]])
    counted = torch.tensor([[True, True, False]])
    assert hidden_state_loss(student, teacher, counted).item() == pytest.approx((1 + 5) / 2)
    assert hidden_state_loss(student[:, :2], teacher[:, :2]).item() == pytest.approx((1 + 5) / 2)


def test_attention_of_other_numbers_of_heads_and_padding():
    generator = torch.Generator().manual_seed(3)
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]])
    closed = (mask == 0)[:, None, None]

    def attention(heads):
        return torch.randn(2, heads, 4, 4, generator=generator).masked_fill(closed, -torch.inf).softmax(-1)

    student, teacher = attention(2), attention(3)
    value = attention_loss(student, teacher, mask)
    assert value > 0
    assert attention_loss(teacher[:, [1, 0, 2]], teacher, mask).item() == pytest.approx(0, abs=1e-6)
    q, p = student.mean(1), teacher.mean(1)
    rows = [
        sum((p[e, i, j] * (p[e, i, j] / q[e, i, j]).log()).item() for j in range(4) if mask[e, j])
        for e in range(2)
        for i in range(4)
        if mask[e, i]
    ]
    assert value.item() == pytest.approx(sum(rows) / len(rows), abs=1e-5)
    other = student.clone()
    other[0, :, 3] = 0.25  # a padded token's own row
    assert torch.allclose(attention_loss(other, teacher, mask), value)


# Bad input

ROWS = torch.zeros(2, 3)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: kl_divergence(ROWS, torch.zeros(2, 4)), r"same shape, not \(2, 3\) and \(2, 4\): align them first\."),
        (lambda: kl_divergence(ROWS, ROWS, 0), "A temperature is a positive number, such as 2, and not 0"),
        (lambda: kl_divergence(ROWS, ROWS, math.nan), "and not nan"),
        (lambda: logit_mse(ROWS, ROWS, counted=torch.ones(2)), "counted must be a mask of true and false"),
        (lambda: kl_divergence(ROWS, ROWS, allowed=torch.ones(2, dtype=torch.bool)), r"with the shape \(2, 3\)"),
        (lambda: kl_divergence(ROWS, ROWS, allowed=ROWS.bool()), "In a row that counts nothing is allowed"),
        (lambda: Distillation(loss="k1"), "Unknown distillation loss 'k1'"),
        (lambda: Distillation(gold_weight=1.5), "from 0 to 1, and not 1.5"),
        (lambda: combined_loss(ROWS, ROWS, settings=Distillation(gold_weight=0.5)), "needs labels"),
        (lambda: Distillation(loss="mse", temperature=2), "has no temperature"),
        (lambda: attention_loss(torch.zeros(1, 2, 3, 3), torch.zeros(1, 2, 4, 4)), "of the same tokens"),
    ],
)
def test_bad_input_is_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
