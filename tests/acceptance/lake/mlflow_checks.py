"""MLflow: the artifacts of its runs."""

import os

from engine import BUCKET, GIVEN, configure, main, same

configure("mlflow")
from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository  # noqa: E402


def check_artifacts():
    up, down = GIVEN.work / "up", GIVEN.work / "down"
    up.mkdir()
    down.mkdir()
    bodies = {f"{number}.txt": os.urandom(number * 1000) for number in range(20)} | {"large": os.urandom(9_000_000)}
    for name, body in bodies.items():
        (up / name).write_bytes(body)
    place = S3ArtifactRepository(f"s3://{BUCKET}/mlflow")
    place.log_artifacts(str(up), "model")
    same(sorted(entry.path for entry in place.list_artifacts("model")), sorted(f"model/{name}" for name in bodies))
    place.download_artifacts("model", str(down))
    same({name: (down / "model" / name).read_bytes() == body for name, body in bodies.items()},
         {name: True for name in bodies})
    place.delete_artifacts("model")
    same(place.list_artifacts("model"), [])


if __name__ == "__main__":
    main()
