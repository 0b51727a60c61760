package org.rondo.driver.rounds;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Checkpoint;
import org.rondo.kernels.Parameters;

/** All that training is, between two rounds.
 *
 *  @param model   parameters, then the optimiser's moments
 *  @param average what is validated and saved: the parameters' average over rounds, or model[0] itself where there is none
 *  @param carried state of every shard */
record TrainingState(Cursor cursor, float[][] model, float[] average, float[][] carried) {
    private static final String[] NAMES = {"parameters", "first_moment", "second_moment"};
    private static final String AVERAGE = "average";

    /** Where training is. What the data cursor of a shard would say follows from the round.
     *  @param round  rounds that are done
     *  @param loss   sum over the targets of this epoch so far, in nats
     *  @param tokens those targets */
    record Cursor(long round, LearningRate learningRate, double loss, long tokens) {
        Cursor after(double loss, long tokens) {
            return new Cursor(round + 1, learningRate, this.loss + loss, this.tokens + tokens);
        }

        Cursor nextEpoch(LearningRate learningRate) {
            return new Cursor(round, learningRate, 0, 0);
        }
    }

    static TrainingState initial(Plan plan, Settings settings, LearningRate learningRate) {
        float[][] model = new float[1 + plan.moments()][];
        model[0] = Parameters.initial(plan.network(), settings.get(Setting.SEED), settings.get(Setting.FORGET_BIAS));
        for (int m = 1; m < model.length; m++) model[m] = new float[model[0].length];
        return new TrainingState(new Cursor(0, learningRate, 0, 0), model, model[0], new float[plan.shards()][0]);
    }

    /** What the executors have made of {@link #start()}. */
    static TrainingState of(Cursor cursor, Start start, Plan plan) {
        float[][] model = Arrays.copyOf(start.model, 1 + plan.moments());
        return new TrainingState(cursor, model, start.model[start.model.length == model.length ? 0 : model.length], start.carried);
    }

    /** The model, then its average if the plan has one. */
    Start start(Plan plan) {
        float[][] vectors = Arrays.copyOf(model, model.length + (plan.emaDecay() > 0 ? 1 : 0));
        if (vectors.length > model.length) vectors[model.length] = average;
        return new Start(vectors, carried);
    }

    /** @param facts what else there is to say of the training; added to */
    Checkpoint toCheckpoint(ObjectNode facts) {
        facts.put("learningRate", exact(cursor.learningRate.current())).put("best", exact(cursor.learningRate.best())).put("waited", cursor.learningRate.waited());
        facts.put("loss", exact(cursor.loss)).put("tokens", cursor.tokens).put("shards", carried.length);
        Map<String, float[]> vectors = new LinkedHashMap<>();
        for (int v = 0; v < model.length; v++) vectors.put(NAMES[v], model[v]);
        if (average != model[0]) vectors.put(AVERAGE, average);
        for (int s = 0; s < carried.length; s++) vectors.put("carried_" + s, carried[s]);
        return new Checkpoint(cursor.round, facts, vectors);
    }

    static TrainingState of(Checkpoint checkpoint) {
        Map<String, float[]> vectors = checkpoint.vectors();
        ObjectNode facts = checkpoint.facts();
        float[][] carried = new float[facts.get("shards").asInt()][];
        for (int s = 0; s < carried.length; s++) carried[s] = vectors.get("carried_" + s);
        float[][] model = Arrays.stream(NAMES).filter(vectors::containsKey).map(vectors::get).toArray(float[][]::new);
        LearningRate learningRate = new LearningRate(exact(facts, "learningRate"), exact(facts, "best"), facts.get("waited").asInt());
        Cursor cursor = new Cursor(checkpoint.round(), learningRate, exact(facts, "loss"), facts.get("tokens").asLong());
        return new TrainingState(cursor, model, vectors.getOrDefault(AVERAGE, model[0]), carried);
    }

    /** A double as text that gives back every bit, infinity included, which JSON's numbers do not know. */
    private static String exact(double value) {
        return Double.toHexString(value);
    }

    private static double exact(ObjectNode facts, String name) {
        return Double.parseDouble(facts.get(name).asText());
    }
}
