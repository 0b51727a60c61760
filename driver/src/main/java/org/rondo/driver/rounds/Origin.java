package org.rondo.driver.rounds;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Lexicon;
import org.rondo.driver.corpus.TagScheme;
import org.rondo.driver.corpus.Task;
import org.rondo.kernels.Network;
import org.rondo.kernels.Parameters;

/** What a training starts from: random numbers, or a trained model ({@link Setting#WARM_START}). Of that it has the network, and the lexicon with
 *  what is new in the data after what was known, so that no id changes ({@link Parameters#grow}).
 *
 *  @param model    empty: random numbers
 *  @param settings of the training; those that say what the network is and what it reads are the model's */
public record Origin(Optional<Model> model, Settings settings) {

    /** @throws BadInput if there is no such model, or a setting is given that contradicts it */
    public static Origin of(Settings settings, Configuration conf) {
        String directory = settings.get(Setting.WARM_START);
        if (directory.isEmpty()) return new Origin(Optional.empty(), settings);
        Model model = Model.load(directory, conf);
        if (!settings.get(Setting.VECTORS).isEmpty())
            throw new BadInput("vectors is " + settings.get(Setting.VECTORS) + ", but warmStart is " + directory + ", which has vectors of its own; leave one of the two out");
        Settings own = settings;
        for (Map.Entry<Setting<?>, Object> fact : facts(model).entrySet()) {
            Object given = settings.get(fact.getKey());
            boolean open = given.equals("auto") || given.equals("data") || given.equals(Setting.UNSET);       // said by no one in particular
            if (settings.has(fact.getKey()) && !open && !given.toString().equals(fact.getValue().toString()))
                throw new BadInput(fact.getKey().key() + " is " + given + ", but that of the model in " + directory + ", which warmStart goes on from, is " + fact.getValue()
                        + "; leave --" + fact.getKey().key() + " out, or start without --warmStart");
            own = own.with(fact.getKey(), fact.getValue());
        }
        return new Origin(Optional.of(model), own);
    }

    /** What settings would make such a network, as far as they matter to it. */
    private static Map<Setting<?>, Object> facts(Model model) {
        Network network = model.network();
        Lexicon lexicon = model.lexicon();
        boolean text = lexicon.task() == Task.LANGUAGE_MODEL, tagging = lexicon.task() == Task.TAGGING, tokens = lexicon.words() != null;
        Map<Setting<?>, Object> facts = new LinkedHashMap<>();
        facts.put(Setting.TASK, lexicon.task().key());
        facts.put(Setting.CELL, network.cell().name());
        if (network.cell().hasMemory()) facts.put(Setting.CANDIDATE_ACTIVATION, network.cell().activation().name().toLowerCase(Locale.ROOT));
        facts.put(Setting.HIDDEN, network.hidden());
        facts.put(Setting.LAYERS, network.layers());
        facts.put(Setting.TIED, network.tied());
        if (tokens) facts.put(Setting.EMBEDDING, network.embedding());
        if (text) facts.put(Setting.UNIT, lexicon.words().unit());
        else facts.put(Setting.DIRECTIONS, network.bidirectional() ? "both" : "forward");
        if (tagging) facts.put(Setting.HEAD, network.head().crf() ? "crf" : "softmax");
        if (tagging && lexicon.scheme() != TagScheme.NONE) facts.put(Setting.LEARNT_SCHEME, lexicon.scheme().key());
        if (!text && tokens) facts.put(Setting.WORD_FORM, lexicon.exact() ? "exact" : "normal");
        if (!text && tokens) facts.put(Setting.CHARACTER_HIDDEN, network.spelling() == null ? 0 : network.spelling().hidden());
        if (network.spelling() != null) facts.put(Setting.CHARACTER_EMBEDDING, network.spelling().embedding());
        return facts;
    }

    /** What is known before the data are read; null: nothing. */
    public Lexicon lexicon() {
        return model.map(Model::lexicon).orElse(null);
    }

    /** @param vectors of words, as {@link org.rondo.driver.corpus.Corpus} has them */
    float[] parameters(Network network, float[][] vectors) {
        if (model.isPresent()) return Parameters.grow(model.get().network(), model.get().parameters(), network, model.get().lexicon().task() == Task.LANGUAGE_MODEL);
        float[] parameters = Parameters.initial(network, settings.get(Setting.SEED), settings.get(Setting.FORGET_BIAS), settings.get(Setting.INITIAL_RANGE));
        if (vectors != null) Parameters.embed(network, vectors, parameters);
        return parameters;
    }
}
