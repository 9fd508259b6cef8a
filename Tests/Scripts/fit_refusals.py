"""Fits the weights by which generate chooses and refuses, and judges them on articles that they were not fitted on.

Run a pipeline (`millrace up --llm extractive`), ask it the questions (`millrace eval answers`), and print the features
of the sentences in its prompts: `millrace-bench answer-features HOST:PORT QUESTIONS > features.jsonl`. Then:

    python3 fit_refusals.py features.jsonl --squad "$MILLRACE_SHARED/data/qa/squad2-dev/questions.jsonl"

prints the weights for `AnswerWeights.swift`. For several shares of answered questions it also prints the share of right
answers, and in brackets the same for a ranking by the cosine alone. The weights are fitted on the articles at even
places of the sorted names and judged on the others. Questions of other corpora are divided by a hash. Needs numpy.
"""

import argparse
import hashlib
import json

import numpy

RIDGE = 1e-3
STEPS = 30
# The weights of the last features are set by hand, because no set of questions with known answers tests them.
BY_HAND = numpy.array([-2.0, 1.5])
COVERAGES = numpy.linspace(0.05, 1, 96)


def half(name: str) -> int:
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % 2


def fit(rows: numpy.ndarray, right: numpy.ndarray) -> numpy.ndarray:
    """Logistic regression by Newton's method, with a small ridge on standardised columns."""
    offset = rows[:, -len(BY_HAND) :] @ BY_HAND
    rows = rows[:, : -len(BY_HAND)]
    mean, deviation = rows.mean(0), rows.std(0)
    deviation[deviation == 0] = 1
    scaled = numpy.c_[numpy.ones(len(rows)), (rows - mean) / deviation]
    weights = numpy.zeros(scaled.shape[1])
    ridge = numpy.r_[0, numpy.full(len(weights) - 1, RIDGE)]
    for _ in range(STEPS):
        p = 1 / (1 + numpy.exp(-scaled @ weights - offset))
        slope = scaled.T @ (p - right) / len(right) + ridge * weights
        bend = (scaled.T * (p * (1 - p))) @ scaled / len(right) + numpy.diag(ridge)
        weights -= numpy.linalg.solve(bend, slope)
    return numpy.r_[weights[0] - (weights[1:] * mean / deviation).sum(), weights[1:] / deviation, BY_HAND]


def best(questions: list[list[dict]], weights: numpy.ndarray | None) -> numpy.ndarray:
    """For each question: the score of its best sentence, whether this sentence is right, whether there is an answer."""
    result = []
    for sentences in questions:
        rows = numpy.array([s["features"] for s in sentences])
        if weights is None:
            scores = rows[:, 0]
        else:
            known = numpy.array([s["identifiers"] for s in sentences])
            scores = numpy.where(known, 1 / (1 + numpy.exp(-(weights[0] + rows @ weights[1:]))), 0)
        place = int(scores.argmax())
        sentence = sentences[place]
        result.append((scores[place], sentence["right"] and sentence["answerable"], sentence["answerable"]))
    return numpy.array(result, float)


def curve(found: numpy.ndarray) -> numpy.ndarray:
    order = numpy.argsort(-found[:, 0], kind="stable")
    right = numpy.cumsum(found[order, 1]) / numpy.arange(1, len(order) + 1)
    return numpy.array([right[max(0, int(share * len(order)) - 1)] for share in COVERAGES])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("features")
    parser.add_argument("--squad", required=True, help="squad2-dev's questions.jsonl")
    parser.add_argument("--judged", help="write 2,000 questions of the judged half to this file")
    arguments = parser.parse_args()
    articles: dict[str, str] = {}
    lines = {}
    with open(arguments.squad, encoding="utf-8") as file:
        for line in file:
            question = json.loads(line)
            articles[question["question"]] = question["article_id"]
            lines[question["question"]] = line
    places = {name: place for place, name in enumerate(sorted(set(articles.values())))}
    questions: dict[str, list[dict]] = {}
    with open(arguments.features, encoding="utf-8") as file:
        for line in file:
            sentence = json.loads(line)
            questions.setdefault(sentence["question"], []).append(sentence)
    groups: dict[tuple[bool, int], list[list[dict]]] = {}
    for text, sentences in questions.items():
        own = text in articles
        group = (own, places[articles[text]] % 2 if own else half(text))
        groups.setdefault(group, []).append(sentences)
    fitted = groups[True, 0] + groups.get((False, 0), [])
    rows = numpy.array([s["features"] for sentences in fitted for s in sentences])
    right = numpy.array([float(s["right"] and s["answerable"]) for sentences in fitted for s in sentences])
    weights = fit(rows, right)
    print(f"fitted on {len(fitted)} questions, {len(rows)} sentences")
    print(f"bias: {weights[0]:.4f}, weights: [{', '.join(f'{w:.4f}' for w in weights[1:])}]")
    for name, group in (("fitted", groups[True, 0]), ("judged", groups[True, 1])):
        model, cosine = best(group, weights), best(group, None)
        for kind, chosen in (("answerable", model[:, 2] == 1), ("all", model[:, 2] >= 0)):
            ours, single = curve(model[chosen]), curve(cosine[cosine[:, 2] >= (1 if kind == "answerable" else 0)])
            points = [int(round((share - 0.05) / 0.01)) for share in (0.05, 0.2, 0.5, 0.8, 1)]
            print(
                f"{name}, {kind}: {int(chosen.sum())} questions; right at 5, 20, 50, 80, 100 % answered: "
                + ", ".join(f"{ours[p]:.3f} ({single[p]:.3f})" for p in points)
                + f"; area {ours.mean():.3f} ({single.mean():.3f}), worst difference {(ours - single).min():+.3f}"
            )
    other = best(groups[False, 1], weights)[:, 0] if (False, 1) in groups else numpy.zeros(0)
    judged = best(groups[True, 1], weights)
    able = judged[judged[:, 2] == 1]
    print("threshold  answered of answerable  right of these  other corpora refused  unanswerable refused")
    for threshold in (0.08, 0.1, 0.11, 0.12, 0.13, 0.14, 0.15, 0.18, 0.2, 0.25):
        kept = able[:, 0] >= threshold
        refused = (other < threshold).mean() if len(other) else float("nan")
        print(
            f"{threshold:9.2f}  {kept.mean():22.3f}  {able[kept, 1].mean():14.3f}  {refused:21.4f}"
            f"  {(judged[judged[:, 2] == 0][:, 0] < threshold).mean():20.3f}"
        )
    if arguments.judged:
        chosen = [t for t in lines if places[articles[t]] % 2 == 1]
        with open(arguments.judged, "w", encoding="utf-8") as file:
            file.writelines(lines[chosen[i * len(chosen) // 2000]] for i in range(2000))


if __name__ == "__main__":
    main()
