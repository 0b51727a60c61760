package org.rondo.driver.formats;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Lexicon;
import org.rondo.driver.corpus.TagScheme;
import org.rondo.driver.corpus.Task;
import org.rondo.driver.corpus.Vocabulary;
import org.rondo.kernels.Activation;
import org.rondo.kernels.Cell;
import org.rondo.kernels.Head;
import org.rondo.kernels.Loss;
import org.rondo.kernels.Network;

/** Models of every kind, small, with random parameters. */
final class Kinds {
    static final List<Cell> CELLS = List.of(Cell.LSTM, new Cell(4, Activation.SIGMOID, false), Cell.PEEPHOLE, new Cell(4, Activation.SIGMOID, true), Cell.RNN, Cell.RELU);
    static final List<String> TAGS = List.of("B-x", "I-x", "O", "E-x", "S-x");

    private Kinds() { }

    /** Cells x directions x layers x heads, words spelled or not. */
    static Stream<Model> all() {
        List<Model> all = new ArrayList<>();
        for (Cell cell : CELLS)
            for (boolean both : new boolean[] {false, true})
                for (int layers = 1; layers <= 3; layers += 2) {
                    int hidden = 5;
                    all.add(languageModel(cell, 4, hidden, layers, both, false));
                    all.add(languageModel(cell, both ? 2 * hidden : hidden, hidden, layers, both, true));
                    for (Task task : List.of(Task.TAGGING, Task.CLASSIFICATION, Task.REGRESSION))
                        for (String reads : List.of("tokens", "spelled", "features")) all.add(labelled(task, cell, hidden, layers, both, reads, layers == 3));
                }
        return all.stream();
    }

    static Model languageModel(Cell cell, int embedding, int hidden, int layers, boolean both, boolean tied) {
        int vocab = 11;
        return model(new Network(vocab, embedding, cell, hidden, layers, both, new Head(true, Loss.SOFTMAX, vocab), tied), Lexicon.of(vocabulary(Vocabulary.CHARACTER, vocab)));
    }

    /** @param reads tokens, spelled (tokens with their characters) or features
     *  @param crf   of a tagger, what its labels are chosen by */
    static Model labelled(Task task, Cell cell, int hidden, int layers, boolean both, String reads, boolean crf) {
        boolean tokens = !reads.equals("features"), tags = task == Task.TAGGING;
        Vocabulary words = tokens ? vocabulary(Vocabulary.TOKEN, 9) : null, characters = reads.equals("spelled") ? vocabulary(Vocabulary.CHARACTER, 7) : null;
        List<String> labels = tags ? TAGS : task == Task.CLASSIFICATION ? List.of("no", "yes", "per\thaps") : List.of();
        Lexicon lexicon = new Lexicon(task, words, characters, true, tokens ? 0 : 3, labels, tags ? TagScheme.IOBES : null, task == Task.REGRESSION ? 2 : 0);
        Loss loss = task == Task.REGRESSION ? Loss.SQUARED_ERROR : tags && crf ? Loss.CRF : Loss.SOFTMAX;
        Network.Spelling spelling = characters == null ? null : new Network.Spelling(7, 2, 4);
        return model(new Network(tokens ? 9 : 0, 3, spelling, cell, hidden, layers, both, new Head(tags, loss, lexicon.outputs()), false), lexicon);
    }

    /** So large that gates leave their linear range, so small that nothing explodes. */
    private static Model model(Network network, Lexicon lexicon) {
        Random random = new Random(network.hashCode());
        float[] parameters = new float[network.parameterCount()];
        for (int i = 0; i < parameters.length; i++) parameters[i] = (2 * random.nextFloat() - 1) * 1.2f / (float) Math.sqrt(network.hidden());
        parameters[network.tensor("bias_l0").offset()] = -0f;
        return new Model(network, parameters, lexicon, JsonNodeFactory.instance.objectNode());
    }

    private static Vocabulary vocabulary(String unit, int size) {
        return vocabulary(unit, IntStream.range(0, size).mapToObj(id -> id == 0 ? "<unk>" : id == 1 ? "\\n" : Character.toString('a' + id)).collect(Collectors.joining("\n", "", "\n")));
    }

    static Vocabulary vocabulary(String unit, String lines) {
        try {
            return Vocabulary.read(new ByteArrayInputStream(lines.getBytes(StandardCharsets.UTF_8)), unit, "vocabulary");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
