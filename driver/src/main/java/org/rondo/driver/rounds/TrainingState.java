package org.rondo.driver.rounds;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Checkpoint;
import org.rondo.kernels.Parameters;

/** All that training is, between two rounds.
 *
 *  @param round   rounds that are done
 *  @param epoch   epochs that are done
 *  @param window  where all shards read on: windows of this epoch that are done
 *  @param model   parameters, then the optimiser's moments, then the outer optimiser's velocity if it has one
 *  @param average what is validated and saved: the parameters' average over rounds, or model[0] itself where there is none
 *  @param carried state of every shard
 *  @param loss    sum over the targets of this epoch so far, in nats
 *  @param tokens  those targets */
record TrainingState(long round, int epoch, int window, float[][] model, float[] average, float[][] carried, LearningRate learningRate, double loss, long tokens) {
    private static final String[] NAMES = {"parameters", "first_moment", "second_moment"};
    private static final String VELOCITY = "outer_velocity", AVERAGE = "average";

    static TrainingState initial(Plan plan, Settings settings, LearningRate learningRate) {
        float[][] model = new float[1 + plan.moments() + plan.outer().vectors()][];
        model[0] = Parameters.initial(plan.network(), settings.get(Setting.SEED), settings.get(Setting.FORGET_BIAS));
        for (int v = 1; v < model.length; v++) model[v] = new float[model[0].length];
        return new TrainingState(0, 0, 0, model, model[0], new float[plan.shards()][0], learningRate, 0, 0);
    }

    /** The same at the start of an epoch. Where replicas now start to step by themselves, from moments of zero, those of the first phase go. */
    TrainingState nextEpoch(Plan plan, LearningRate learningRate) {
        float[][] model = this.model;
        boolean gradients = plan.averagesGradients(epoch - 1, this.learningRate), gradientsNext = plan.averagesGradients(epoch, learningRate);
        if (gradients && !gradientsNext && plan.outer().resetsMoments()) {
            model = model.clone();
            for (int m = 1; m <= plan.moments(); m++) model[m] = new float[model[0].length];
        }
        return new TrainingState(round, epoch, window, model, average, carried, learningRate, 0, 0);
    }

    /** Whether an epoch has just ended. */
    boolean endsEpoch() {
        return epoch > 0 && window == 0;
    }

    /** @param moments of the optimiser within the model
     *  @param facts   what else there is to say of the training; added to */
    Checkpoint toCheckpoint(int moments, ObjectNode facts) {
        facts.put("learningRate", exact(learningRate.current())).put("best", exact(learningRate.best())).put("waited", learningRate.waited())
                .put("decayed", learningRate.decayed());
        facts.put("epoch", epoch).put("window", window);
        facts.put("loss", exact(loss)).put("tokens", tokens).put("shards", carried.length);
        Map<String, float[]> vectors = new LinkedHashMap<>();
        for (int v = 0; v < model.length; v++) vectors.put(v <= moments ? NAMES[v] : VELOCITY, model[v]);
        if (average != model[0]) vectors.put(AVERAGE, average);
        for (int s = 0; s < carried.length; s++) vectors.put("carried_" + s, carried[s]);
        return new Checkpoint(round, facts, vectors);
    }

    static TrainingState of(Checkpoint checkpoint) {
        Map<String, float[]> vectors = checkpoint.vectors();
        ObjectNode facts = checkpoint.facts();
        float[][] carried = new float[facts.get("shards").asInt()][];
        for (int s = 0; s < carried.length; s++) carried[s] = vectors.get("carried_" + s);
        float[][] model = Stream.concat(Arrays.stream(NAMES), Stream.of(VELOCITY)).filter(vectors::containsKey).map(vectors::get).toArray(float[][]::new);
        LearningRate learningRate = new LearningRate(exact(facts, "learningRate"), exact(facts, "best"), facts.get("waited").asInt(), facts.get("decayed").asBoolean());
        return new TrainingState(checkpoint.round(), facts.get("epoch").asInt(), facts.get("window").asInt(), model, vectors.getOrDefault(AVERAGE, model[0]), carried, learningRate,
                exact(facts, "loss"), facts.get("tokens").asLong());
    }

    /** A double as text that gives back every bit, infinity included, which JSON's numbers do not know. */
    private static String exact(double value) {
        return Double.toHexString(value);
    }

    private static double exact(ObjectNode facts, String name) {
        return Double.parseDouble(facts.get(name).asText());
    }
}
