"""Batches of shapes and of views of them that a teacher has answered."""

import torch
from gdanet import GDANet
from torch import Tensor
from torch.nn import functional
from views import changed, deformed, fewer, in_unit_ball, mixed, resampled, stretched

from perceiver_cli.training.augment.pointcloud import drop_side, place, rotate_half
from perceiver_cli.training.batches import Batch, Batches, random_subset

ANSWERED = 0.4  # share of a batch that are views
TEACHER_SHARE, WRONG_TEACHER_SHARE = 0.8, 0.3  # of a view's target
TEACHER_TEMPERATURE = 0.7
TEACHER_BATCH = 16


class ShapeBatches(Batches):
    """Batches of views that a teacher has answered, and of changed labelled shapes.

    Attributes:
        views: float16 [views, points, 3].
        view_targets: float16 [views, classes].
    """

    views: Tensor
    view_targets: Tensor

    def answer(self, teacher: GDANet, count: int) -> None:
        """Draws as many views and lets the teacher answer them.

        Args:
            teacher: Its classes are those of the shapes.
            count: Number of views.
        """
        views, targets, agreed = [], [], 0
        with self.on_device(), torch.no_grad():
            torch.manual_seed(self.hyperparameters.seed)
            for start in range(0, count, TEACHER_BATCH):
                points, labels = self._view(min(TEACHER_BATCH, count - start))
                logits = teacher(points)
                right = labels.gather(1, logits.argmax(1, keepdim=True)) > 0.05
                agreed += int(right.sum())
                share = torch.where(right, TEACHER_SHARE, WRONG_TEACHER_SHARE)
                answer = (logits / TEACHER_TEMPERATURE).softmax(1)
                views.append(points.half())
                targets.append(torch.lerp(self._smoothed(labels), answer, share).half())
        self.views, self.view_targets = torch.cat(views), torch.cat(targets)
        print(f"teacher: {count} views, right about {agreed / count:.1%}", flush=True)

    def _view(self, count: int) -> tuple[Tensor, Tensor]:
        """Changed shapes, upright as the teacher knows them, and their soft labels."""
        points, labels = self._drawn(count)
        points = changed(points, 0.7, resampled)
        points = changed(points, 0.7, deformed)
        # With one of the same class, any part is exchanged. Of another class it is at most a
        # third: the teacher takes mixtures of halves for something else.
        same = labels @ labels.T
        partner = (same + torch.rand(count, count)).fill_diagonal_(0).argmax(1)
        within = torch.rand(count) < 0.4
        order = torch.where(within, partner, torch.randperm(count))
        limit = torch.where(within, 1.0, 0.35).unsqueeze(1)
        points, labels = mixed(points, labels, 0.4, 1.0, order, limit)
        return in_unit_ball(stretched(points, 0.25)), labels

    def draw(self, step: int, progress: float) -> Batch:
        """See Batches."""
        size = self.hyperparameters.batch_size
        torch.manual_seed(self.hyperparameters.seed * 1_000_003 + step)
        with self.on_device(), torch.no_grad():
            answered = round(ANSWERED * size)
            points, labels = self._drawn(size - answered)
            points = changed(points, 0.3, resampled)
            points = changed(points, 0.15, deformed)
            chosen = torch.randint(len(self.views), (answered,))
            points = torch.cat([points, self.views[chosen].float()])
            targets = torch.cat([self._smoothed(labels), self.view_targets[chosen].float()])
            if torch.rand(()) < 0.5:
                points = drop_side(points, 0.3 * float(torch.rand(())))
            points, targets = mixed(rotate_half(fewer(points)), targets, 0.3, 0.25)
            elements = {"pointcloud": place(stretched(points, 0.4))}
            share = 1.0 if progress > 0.9 else self.hyperparameters.latent_share
            latents = random_subset(share, self.config.latents)
            return Batch(self.adapter.with_positions(elements), targets, None, latents)

    def _drawn(self, count: int) -> tuple[Tensor, Tensor]:
        """Random training shapes [count, points, 3], and their labels [count, classes]."""
        rows = torch.multinomial(self.sampling_weights, count, replacement=True)
        labels = functional.one_hot(self.classes[rows], self.config.classes).float()
        return self.rows[rows]["pointcloud"], labels

    def _smoothed(self, labels: Tensor) -> Tensor:
        smoothing = self.hyperparameters.smoothing
        return labels * (1 - smoothing) + smoothing / self.config.classes
