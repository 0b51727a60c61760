package org.rondo.driver.rounds;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.rondo.driver.checkpoints.Checkpoint;

/** All that training is, between two rounds.
 *
 *  @param model   parameters, then the optimiser's moments, then the outer optimiser's velocity if it has one
 *  @param average what is validated and saved: the parameters' average over rounds, or model[0] itself where there is none
 *  @param carried state of every shard
 *  @param selection of the model to keep */
record TrainingState(Cursor cursor, float[][] model, float[] average, float[][] carried, Selection selection) {
    private static final String[] NAMES = {"parameters", "first_moment", "second_moment"};
    private static final String VELOCITY = "outer_velocity", AVERAGE = "average", BEST = "best";

    /** Where training is.
     *  @param round  rounds that are done
     *  @param epoch  epochs that are done
     *  @param window where all shards read on: windows of this epoch that are done
     *  @param loss   sum over the targets of this epoch so far, in nats
     *  @param tokens those targets */
    record Cursor(long round, int epoch, int window, LearningRate learningRate, double loss, long tokens) {

        /** One round later. */
        Cursor after(int windows, int windowsPerEpoch, double loss, long tokens) {
            boolean last = window + windows == windowsPerEpoch;
            return new Cursor(round + 1, last ? epoch + 1 : epoch, last ? 0 : window + windows, learningRate, this.loss + loss, this.tokens + tokens);
        }

        /** Whether an epoch has just ended. */
        boolean endsEpoch() {
            return epoch > 0 && window == 0;
        }
    }

    /** @param parameters to start from, not copied */
    static TrainingState initial(Plan plan, float[] parameters, LearningRate learningRate, Selection selection) {
        float[][] model = new float[1 + plan.moments() + plan.outer().vectors()][];
        model[0] = parameters;
        for (int v = 1; v < model.length; v++) model[v] = new float[model[0].length];
        return new TrainingState(new Cursor(0, 0, 0, learningRate, 0, 0), model, model[0], new float[plan.shards()][0], selection);
    }

    /** The same with steps of size 0. */
    TrainingState standingStill() {
        LearningRate none = new LearningRate(0, cursor.learningRate.best(), cursor.learningRate.waited(), cursor.learningRate.decayed());
        return new TrainingState(new Cursor(cursor.round, cursor.epoch, cursor.window, none, cursor.loss, cursor.tokens), model, average, carried, selection);
    }

    /** What the executors have made of {@link #start}. */
    static TrainingState of(Cursor cursor, Start start, Plan plan, Selection selection) {
        float[][] model = Arrays.copyOf(start.model, plan.vectors());
        return new TrainingState(cursor, model, start.model[plan.emaDecay() > 0 ? model.length : 0], start.carried, selection);
    }

    /** The model, then its average if the plan has one. */
    Start start(Plan plan) {
        float[][] vectors = Arrays.copyOf(model, plan.vectors() + (plan.emaDecay() > 0 ? 1 : 0));
        if (vectors.length > model.length) vectors[model.length] = average;
        return new Start(vectors, carried);
    }

    /** The same at the start of an epoch. Where replicas now start to step by themselves, from moments of zero, those of the first phase go. */
    TrainingState nextEpoch(Plan plan, LearningRate learningRate, Selection selection) {
        float[][] model = this.model.clone();
        boolean gradients = plan.averagesGradients(cursor.epoch - 1, cursor.learningRate), gradientsNext = plan.averagesGradients(cursor.epoch, learningRate);
        if (gradients && !gradientsNext && plan.outer().resetsMoments())
            for (int m = 1; m <= plan.moments(); m++) model[m] = new float[model[0].length];
        return new TrainingState(new Cursor(cursor.round, cursor.epoch, cursor.window, learningRate, 0, 0), model, average, carried, selection);
    }

    /** @param moments of the optimiser within the model
     *  @param facts   what else there is to say of the training; added to */
    Checkpoint toCheckpoint(int moments, ObjectNode facts) {
        facts.put("learningRate", exact(cursor.learningRate.current())).put("best", exact(cursor.learningRate.best())).put("waited", cursor.learningRate.waited())
                .put("decayed", cursor.learningRate.decayed());
        facts.put("epoch", cursor.epoch).put("window", cursor.window);
        facts.put("loss", exact(cursor.loss)).put("tokens", cursor.tokens).put("shards", carried.length);
        Map<String, float[]> vectors = new LinkedHashMap<>();
        for (int v = 0; v < model.length; v++) vectors.put(v <= moments ? NAMES[v] : VELOCITY, model[v]);
        if (average != model[0]) vectors.put(AVERAGE, average);
        if (selection.parameters() != null) {
            facts.put("bestValue", exact(selection.value())).put("bestEpoch", selection.epoch());
            vectors.put(BEST, selection.parameters());
        }
        for (int s = 0; s < carried.length; s++) vectors.put("carried_" + s, carried[s]);
        return new Checkpoint(cursor.round, facts, vectors);
    }

    /** @param selection as it is before the first epoch */
    static TrainingState of(Checkpoint checkpoint, Selection selection) {
        Map<String, float[]> vectors = checkpoint.vectors();
        ObjectNode facts = checkpoint.facts();
        float[][] carried = new float[facts.get("shards").asInt()][];
        for (int s = 0; s < carried.length; s++) carried[s] = vectors.get("carried_" + s);
        float[][] model = Stream.concat(Arrays.stream(NAMES), Stream.of(VELOCITY)).filter(vectors::containsKey).map(vectors::get).toArray(float[][]::new);
        LearningRate learningRate = new LearningRate(exact(facts, "learningRate"), exact(facts, "best"), facts.get("waited").asInt(), facts.get("decayed").asBoolean());
        Cursor cursor = new Cursor(checkpoint.round(), facts.get("epoch").asInt(), facts.get("window").asInt(), learningRate, exact(facts, "loss"), facts.get("tokens").asLong());
        Selection selected = vectors.containsKey(BEST) ? selection.of(exact(facts, "bestValue"), facts.get("bestEpoch").asInt(), vectors.get(BEST)) : selection;
        return new TrainingState(cursor, model, vectors.getOrDefault(AVERAGE, model[0]), carried, selected);
    }

    /** A double as text that gives back every bit, infinity included, which JSON's numbers do not know. */
    private static String exact(double value) {
        return Double.toHexString(value);
    }

    private static double exact(ObjectNode facts, String name) {
        return Double.parseDouble(facts.get(name).asText());
    }
}
