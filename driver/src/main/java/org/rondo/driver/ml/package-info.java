/**
 * Training and scoring as stages of Spark ML: {@link org.rondo.driver.ml.SequenceTagger}, {@link org.rondo.driver.ml.SequenceClassifier} and
 * {@link org.rondo.driver.ml.LanguageModel} are estimators, {@link org.rondo.driver.ml.SequenceEvaluator} compares what their models add
 * to a table with what is right. They are as thin as the jobs, and stand on the same classes: {@link org.rondo.driver.rounds.Trainer} fits,
 * {@link org.rondo.driver.scoring.Scorer} transforms. It is the one package that needs spark-mllib.
 */
package org.rondo.driver.ml;
