"""What skullfix does: one file per task, image in, frozen result out."""
