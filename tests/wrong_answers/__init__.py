"""Wrong answers to each chapter's exercises, as Python expressions that are evaluated where the chapter ends.

A module a chapter, with WRONG: the exercise's number, its answers (all the arguments behind the number), and words that
the sentence about them has to contain. The names of the solution (`my_...`) hold the right answers by then.
"""

from importlib import import_module


def wrong_answers(chapter):
    return import_module(f"wrong_answers.{chapter.replace('-', '_')}").WRONG
