"""A nightly retraining with Airflow: the model in the registry is replaced only by a better one.

For Airflow 2.6 and later, and 3. Copy this file to the folder of DAGs, and set the values below. ``bin/rondo retrain`` ends with code
0 where the new model was promoted, 3 where the champion was kept, 2 where something given cannot be used, and 1 where it failed. 3 is no
failure: the task, and what stands behind it, is skipped. The last line on standard output is JSON, which becomes the task's XCom.
"""
from __future__ import annotations

import shlex
from datetime import datetime, timedelta

from airflow import DAG

try:                                                            # Airflow 3
    from airflow.providers.standard.operators.bash import BashOperator
except ImportError:                                             # Airflow 2
    from airflow.operators.bash import BashOperator

RONDO = "/srv/rondo/bin/rondo"                                  # with SPARK_HOME in the environment it runs your Spark
SPARK = ["--master", "yarn", "--num-executors", "4", "--executor-cores", "1", "--executor-memory", "4g",
         "--conf", "spark.executor.memoryOverhead=1024m"]       # what bin/rondo plan says
REGISTRY = "hdfs:///models/registry"
ENTRY = "news"
NEW_DATA = "hdfs:///corpora/news/{yyyy-MM-dd}"                  # retrain fills in DATE
HOLDOUT = "hdfs:///corpora/news-holdout"
DATE = "{{ macros.ds_add(data_interval_end.strftime('%Y-%m-%d'), -1) }}"    # the day before the run, also where a run is made up for

KEPT_THE_CHAMPION = 3


def command(*arguments: str) -> str:
    """For a shell, with templates as they are. BashOperator takes the last line of standard output and error together, so the first comes last."""
    words = " ".join(argument if "{{" in argument else shlex.quote(argument) for argument in arguments)
    return f"result=$({words}); code=$?; printf '%s\\n' \"$result\"; exit $code"


with DAG(
    dag_id="rondo_retrain_" + ENTRY,
    schedule="30 2 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,                                          # one at a time writes to a registry
    default_args={
        "retries": 1,                                           # the same command goes on from its last checkpoint
        "retry_delay": timedelta(minutes=10),
    },
) as dag:
    retrain = BashOperator(
        task_id="retrain",
        bash_command=command(RONDO, *SPARK, "retrain", "--registry", REGISTRY, "--name", ENTRY, "--newData", NEW_DATA, "--holdout", HOLDOUT, "--date", DATE),
        skip_on_exit_code=KEPT_THE_CHAMPION,
        append_env=True,
        env={"RONDO_BUILD": "no"},
        execution_timeout=timedelta(hours=6),
        do_xcom_push=True,
    )

    tell = BashOperator(                                        # runs only where a new model was promoted
        task_id="tell",
        bash_command="printf '%s\\n' \"$RESULT\"",
        env={"RESULT": "{{ ti.xcom_pull(task_ids='retrain') }}"},
    )

    retrain >> tell
