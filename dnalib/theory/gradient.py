"""The gradient of the DNA loss, beside that of its clustering surrogate."""

from dataclasses import dataclass

from torch import Tensor

from dnalib.theory.problem import Array, unit_problem


@dataclass(frozen=True, eq=False)
class Gradients:
    """Gradients with respect to the query, keys held fixed; see `gradients`.

    Attributes
    ----------
    loss : Tensor, shape (B, d)
        Gradient of L as a function of an unconstrained q.
    surrogate : Tensor, shape (B, d)
        Gradient of ||q - h_bar||^2 / (2 tau) + log Z as a function of an unconstrained q.
    tangent : Tensor, shape (B, d)
        Either of them projected on the sphere's tangent space at q: the direction that training
        sees.
    """

    loss: Tensor
    surrogate: Tensor
    tangent: Tensor


def gradients(
    queries: Array,
    keys: Array,
    positives: Array,
    temperature: float,
    self_index: Array | None = None,
) -> Gradients:
    """Gradients of the loss and of its clustering surrogate, which training cannot tell apart.

    Derivation. With keys held fixed (they come from the bank and carry no gradient) and s_k the
    softmax of q.h_k / tau over the keys,

        grad_q L                                      = (sum_k s_k h_k - h_bar) / tau
        grad_q [||q - h_bar||^2 / (2 tau) + log Z]    = (sum_k s_k h_k - h_bar) / tau + q / tau.

    They differ by q / tau, which points along the radius. An encoder gives q = u / ||u||, and the
    gradient that reaches u is (I - q q^T) grad_q / ||u||; the projection removes the radial
    term, so that for u both are

        (I - q q^T) (sum_k s_k h_k - h_bar) / (tau ||u||),      `tangent` / ||u||.

    One step therefore moves q toward the center of its neighborhood and away from the softmax-
    weighted mean of the bank, and stands still where the two agree up to a multiple of q.

    Parameters
    ----------
    queries, keys, positives, temperature, self_index
        As `decompose`.

    Returns
    -------
    Gradients
        Of the loss of each query by itself: divide by B for the mean over a batch.

    Raises
    ------
    ValueError
        As `decompose`.
    """
    problem = unit_problem(queries, keys, positives, temperature, self_index)
    q = problem.queries
    loss = (problem.logits().softmax(dim=1) @ problem.keys - problem.center()) / temperature
    return Gradients(
        loss=loss,
        surrogate=loss + q / temperature,
        tangent=loss - (loss * q).sum(1, keepdim=True) * q,
    )
