package org.rondo.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.regex.Pattern;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rondo.kernels.Layout.Block;
import org.rondo.kernels.UnrolledNetwork.Dropout;

/** Random arguments at every public operation, in any order: what is right must be done, what is wrong must be an exception that
 *  names it and what was expected, the same from the reference as from the native kernel; and no guard may be touched. A case is
 *  its seed: {@code -Drondo.fuzz.cases} runs more of them, {@code -Drondo.fuzz.seed} others, or one again. */
class FuzzTest extends Fuzz {
    private static final long FIRST_SEED = Long.getLong("rondo.fuzz.seed", 1), CASES = Long.getLong("rondo.fuzz.cases", 100);
    private static final int CALLS = 40;

    private int done, refused;

    static List<String> instructionSets() {
        return NativeLibrary.instructionSets();
    }

    @ParameterizedTest @MethodSource("instructionSets")
    void operationsDoWhatIsRightAndRefuseWhatIsWrong(String isa) {
        forEachSeed(seed -> {
            other = layout();
            Layout layout = layout();
            List<Kernel> kernels = List.of(Kernel.open("reference", layout), Kernel.open(isa, layout));
            Dropout dropout = new Dropout(layout.dropout ? 0.3 : 0, random.nextBoolean());
            List<UnrolledNetwork> networks = kernels.stream().map(k -> new UnrolledNetwork(k, dropout)).toList();
            for (int i = 0; i < CALLS; i++)
                if (random.nextInt(4) > 0) same(seed, k -> operation(kernels.get(k)));
                else same(seed, k -> composed(networks.get(k), kernels.get(k)));
            for (int twice = 0; twice < 2; twice++)
                for (Kernel kernel : kernels) kernel.close();               // fails where a guard is overwritten
            for (int i = 0; i < CALLS / 4; i++)
                same(seed, k -> {
                    wrong.add("closed");
                    operation(kernels.get(k));
                });
        });
    }

    @Test void dataIsWhatWasAskedForOrRefused() {
        forEachSeed(seed -> {
            for (int i = 0; i < CALLS; i++) same(seed, k -> data());
        });
    }

    @ParameterizedTest @MethodSource("instructionSets")
    void replicasDoWhatIsRightAndRefuseWhatIsWrong(String isa) {
        forEachSeed(seed -> {
            Network network = new Network(1 + random.nextInt(20), 1 + random.nextInt(9), 1 + random.nextInt(20), 1 + random.nextInt(2));
            Optimizer optimizer = oneOf(new Optimizer("adam", 1), new Optimizer("sgd", 0), new Optimizer("sgd", 0.9, true, 0, 1));
            Layout layout = Layout.forTraining(network, 1 + random.nextInt(3), 1 + random.nextInt(4), false, optimizer.moments());
            try (Replica reference = new Replica(Kernel.open("reference", layout), Dropout.NONE, optimizer);
                 Replica fast = new Replica(Kernel.open(isa, layout), Dropout.NONE, optimizer)) {
                for (int i = 0; i < 5; i++) same(seed, k -> train(k == 0 ? reference : fast, layout, optimizer));
            }
        });
    }

    /** Sizes from 1 to billions: a layout comes to be or says why not, and where it takes more than there is, opening it does. */
    @Test void absurdSizesAreRefusedBeforeAnythingIsAllocated() {
        forEachSeed(seed -> {
            for (int i = 0; i < 3; i++)
                same(seed, k -> {
                    unsure = true;
                    Network network = new Network(oneOf(0, anySize(31)), anySize(31), cell(), anySize(17), anySize(10), random.nextBoolean(),
                            head(false, anySize(31)), false);
                    Layout layout = random.nextBoolean() ? Layout.forScoring(network, anySize(13), anySize(13))
                            : Layout.forTraining(network, anySize(13), anySize(13), random.nextBoolean(), random.nextInt(3));
                    List<Matrix> all = layout.matrices();
                    long end = Layout.GUARD;
                    for (Matrix m : all) {
                        assertEquals(end, m.offset());
                        end += m.floats() + Layout.GUARD;
                    }
                    assertEquals(Float.BYTES * end, layout.bytes());
                    if (layout.bytes() > NativeKernel.MACHINE) throw assertThrows(RuntimeException.class, () -> Kernel.open("native", layout));
                    if (layout.bytes() > Runtime.getRuntime().maxMemory()) throw assertThrows(RuntimeException.class, () -> Kernel.open("reference", layout));
                });
        });
    }

    /** 2^24 tokens, made odd, of 1,000 panels. */
    @Test void aMatrixOfMoreRowsThanHaveNumbersIsRefused() {
        Network network = new Network(1, 1, 16_000, 1);
        String message = assertThrows(IllegalArgumentException.class, () -> Layout.forScoring(network, 1 << 12, 1 << 12)).getMessage();
        assertTrue(message.contains("gates0") && message.contains("has " + 1000 * ((1L << 24) + 1) + " rows, expected at most " + Integer.MAX_VALUE), message);
    }

    private interface Case {
        void run(long seed);
    }

    private void forEachSeed(Case body) {
        System.out.println("fuzz: seeds " + FIRST_SEED + " to " + (FIRST_SEED + CASES - 1));
        LongStream.range(FIRST_SEED, FIRST_SEED + CASES).forEach(seed -> {
            random = new SplittableRandom(seed);
            body.run(seed);
        });
        System.out.println("fuzz: " + done + " calls done, " + refused + " refused");
    }

    private interface Call {
        void on(int kernel);
    }

    /** The same call, with the same arguments, on the reference (0) and the native kernel (1). */
    private void same(long seed, Call call) {
        SplittableRandom all = random;
        long arguments = all.nextLong();
        String[] outcomes = new String[2];
        for (int kernel = 0; kernel < 2; kernel++) {
            random = new SplittableRandom(arguments);
            outcomes[kernel] = outcome("seed " + seed, call, kernel);
        }
        assertEquals(outcomes[0], outcomes[1], () -> "seed " + seed);
        random = all;
    }

    private String outcome(String which, Call call, int kernel) {
        wrong.clear();
        unsure = false;
        try {
            call.on(kernel);
        } catch (IllegalArgumentException | IllegalStateException e) {
            String message = String.valueOf(e.getMessage()), what = which + ", wrong " + wrong + ": " + e;
            assertTrue(unsure || !wrong.isEmpty(), () -> what + ": what is right was refused");
            boolean names = unsure || wrong.stream().anyMatch(w -> Pattern.compile("(?<![\\w.-])" + Pattern.quote(w) + "(?!\\w)").matcher(message).find());
            boolean helps = Pattern.compile("expected|; set |need|; open").matcher(message).find();
            assertTrue(names && helps, () -> what + ": does not say what came and what was expected");
            refused++;
            return e.toString();
        } catch (RuntimeException | Error e) {
            throw new AssertionError(which + ", wrong " + wrong + ": " + e, e);
        }
        assertTrue(unsure || wrong.isEmpty(), () -> which + ", wrong " + wrong + ": was done nonetheless");
        done++;
        return "done";
    }

    /** One of {@link Kernel}'s operations. */
    private void operation(Kernel kernel) {
        Layout l = kernel.layout();
        int tokens = l.batch * l.seqLen;
        switch (random.nextInt(28)) {
            case 0 -> kernel.load(block(l), floats(l.network.parameterCount()));
            case 1 -> kernel.store(block(l), floats(l.network.parameterCount()));
            case 2 -> {
                Matrix m = matrix(l);
                int at = at();
                kernel.write(room(at, m), at, m);
            }
            case 3 -> {
                Matrix m = matrix(l);
                int at = at();
                kernel.read(m, room(at, m), at);
            }
            case 4 -> copy(kernel, matrix(l));
            case 5 -> copyColumns(kernel, matrix(l));
            case 6 -> kernel.zero(matrix(l));
            case 7 -> kernel.embeddingForward(own(l.embedding, other.embedding), some(ids(tokens, 0, l.network.vocab())));
            case 8 -> kernel.embeddingBackward(own(l.embedding, other.embedding, trains(l)), some(ids(tokens, 0, l.network.vocab())));
            case 9 -> kernel.tie(own(l.embedding, other.embedding, tied(l)), own(l.head, other.head));
            case 10 -> kernel.addTied(own(l.embedding, other.embedding, tied(l)), own(l.head, other.head, trains(l)));
            case 11 -> dropout(kernel, matrix(l));
            case 12 -> kernel.recurrentForward(own(layer(l), layer(other)), lengths(l));
            case 13 -> kernel.recurrentBackward(own(layer(l), layer(other), trains(l)), lengths(l));
            case 14 -> kernel.denseForward(own(l.head, other.head));
            case 15 -> kernel.denseBackward(own(l.head, other.head, trains(l)));
            case 16 -> kernel.softmaxForward(own(l.head, other.head, loss(l, Loss.SOFTMAX)), random.nextBoolean() ? null : targets(l, Loss.SOFTMAX));
            case 17 -> kernel.softmaxBackward(own(l.head, other.head, loss(l, Loss.SOFTMAX), trains(l)), some(targets(l, Loss.SOFTMAX)), anyFloat());
            case 18 -> kernel.squaredForward(own(l.head, other.head, loss(l, Loss.SQUARED_ERROR)), some(targets(l, Loss.SQUARED_ERROR)));
            case 19 -> kernel.squaredBackward(own(l.head, other.head, loss(l, Loss.SQUARED_ERROR), trains(l)), some(targets(l, Loss.SQUARED_ERROR)), anyFloat());
            case 20 -> kernel.readProbabilities(own(l.head, other.head, classes(l)), row(l), 1, atLeast(l.head.outputs()));
            case 21 -> kernel.readOutputs(own(l.head, other.head), row(l), atLeast(l.head.outputs()));
            case 22 -> kernel.sgd(anyFloat(), momentum(l), random.nextBoolean(), step(), anyFloat());
            case 23 -> {
                for (Block block : Block.values()) needs(l.has(block), block.toString());
                kernel.adam(anyFloat(), 0.9f, 0.999f, 1e-8f, anyFloat(), step(), anyFloat());
            }
            case 24 -> {
                int[] lengths = lengths(l);
                kernel.crfForward(own(l.head, other.head, loss(l, Loss.CRF)), random.nextBoolean() ? null : labels(l, lengths), lengths);
            }
            case 25 -> {
                int[] lengths = lengths(l);
                kernel.crfBackward(own(l.head, other.head, loss(l, Loss.CRF), trains(l)), some(labels(l, lengths)), lengths, anyFloat());
            }
            case 26 -> kernel.viterbi(own(l.head, other.head, needs(l.decodes(), l.network.head().loss().toString())), lengths(l), allowed(l),
                    new int[number(l.head.rows(), 0, l.head.rows() + 1)]);
            default -> {
                kernel.sum(matrix(l));
                kernel.sumOfSquares(matrix(l));
            }
        }
    }

    /** One of {@link UnrolledNetwork}'s. */
    private void composed(UnrolledNetwork network, Kernel kernel) {
        Layout l = kernel.layout();
        int stateSize = l.batch * l.network.stateSize(), size = random.nextInt(4) == 0 ? 0 : stateSize;
        switch (random.nextInt(8)) {
            case 0 -> network.forward(window(l, true), l.training && random.nextBoolean() ? draw() : null);
            case 1 -> {
                trains(l);
                network.backward(window(l, false), l.training && random.nextBoolean() ? draw() : null);
            }
            case 2 -> {
                classes(l);
                network.probabilities(row(l), 1, atLeast(l.head.outputs()));
            }
            case 3 -> network.outputs(row(l), atLeast(l.head.outputs()));
            case 4 -> network.setState(floats(size, stateSize + 1, 3 * stateSize + 7));
            case 5 -> {
                needs(l.decodes(), l.network.head().loss().toString());
                network.decode(lengths(l), allowed(l), new int[number(l.head.rows(), 0, l.head.rows() + 1)]);
            }
            case 6 -> new UnrolledNetwork(kernel, new Dropout(needs(l.dropout, "0.5") ? 0.3 : 0.5, false));
            default -> {
                network.carry();
                assertEquals(stateSize, network.state().length);
            }
        }
    }

    /** Backward reads neither features nor values; forward with a softmax needs no targets. */
    private Window window(Layout l, boolean forward) {
        Network network = l.network;
        Loss loss = network.head().loss();
        boolean classes = network.head().classes();
        int[] ids = network.vocab() == 0 ? null : some(ids(l.batch * l.seqLen, 0, network.vocab()));
        float[] features = network.vocab() > 0 ? null : forward ? floats(l.batch * l.seqLen * network.embedding()) : new float[0];
        if (ids == null && features == null) wrong.add(String.valueOf((features = new float[l.inputs.rows() * l.inputs.cols() + 1]).length));   // has one of them
        float[] values = classes || !forward ? null : floats(l.head.rows() * network.head().outputs());
        int[] lengths = lengths(l), targets = network.head().crf() ? labels(l, lengths) : targets(l, loss);
        if (!network.head().crf() && lengths != null && lengths.length == l.batch && network.head().atEveryStep()) pad(targets, lengths, l);
        return new Window(ids, features, classes && forward ? targets : some(targets), values, lengths, random.nextInt(9));
    }

    /** No target counts past its sequence's end; or they stay as they are, which is wrong if one does. */
    private void pad(int[] targets, int[] lengths, Layout l) {
        boolean stay = random.nextInt(8) == 0;
        int end = l.network.head().classes() ? l.head.outputs() : 1;
        for (int n = 0; n < Math.min(targets.length, l.batch * l.seqLen); n++) {
            if (targets[n] < 0 || targets[n] >= end || n / l.batch < lengths[n % l.batch]) continue;
            if (stay) wrong.add(String.valueOf(targets[n]));
            else targets[n] = Window.NONE;
        }
    }

    private void train(Replica replica, Layout l, Optimizer optimizer) {
        boolean steps = random.nextInt(3) > 0;
        float[][] model = new float[steps ? number(1 + optimizer.moments(), 0, 4) : 1][];
        for (int v = 0; v < model.length; v++) model[v] = floats(l.network.parameterCount());
        int[][] streams = new int[number(l.batch, 0, l.batch + 1)][];
        int id = number(random.nextInt(l.network.vocab()), -1, l.network.vocab(), Integer.MIN_VALUE);
        for (int b = 0; b < streams.length; b++) Arrays.fill(streams[b] = new int[10 * l.seqLen], id);
        Replica.Stretch stretch = new Replica.Stretch(random.nextInt(3), 1, steps ? 1 + random.nextInt(3) : number(1, 2), 7, anyFloat(), 1);
        int stateSize = l.batch * l.network.stateSize();
        if (steps) replica.train(model, floats(stateSize, stateSize + 1), new Streams(0, streams), stretch);
        else replica.gradient(model[0], floats(stateSize, stateSize + 1), new Streams(0, streams), stretch);
    }

    /** Everything that is no operation on a kernel. */
    private void data() {
        switch (random.nextInt(20)) {
            case 0 -> new Network(number(9, -1, Integer.MIN_VALUE, Integer.MAX_VALUE), size(), cell(), size(), number(3, 0, -1, 1001, Integer.MAX_VALUE),
                    random.nextBoolean(), head(false, size()), false);
            case 1 -> Layout.forTraining(new Network(5, 3, 4, 1), size(), size(), random.nextBoolean(), number(random.nextInt(3), -1, 3, Integer.MAX_VALUE));
            case 2 -> new Streams(3, new int[number(2, 0)][random.nextInt(9)]).window(number(random.nextInt(9), -1, Integer.MIN_VALUE), size());
            case 3 -> Philox.block(random.nextLong(), 1, 2, 3, 4, new int[number(4, 0, 3)]);
            case 4 -> new Matrix("m", orElse(16L * random.nextInt(9), -16L, 8L, Long.MIN_VALUE), number(random.nextInt(9), -1, Integer.MIN_VALUE),
                    number(1 + random.nextInt(16), 0, -1, 17, Integer.MAX_VALUE), number(16, 0, 15, 17, 48, -16));
            case 5 -> new Matrix("m", 16, 5, 3, 16).first(number(random.nextInt(6), -1, 6, Integer.MIN_VALUE, Integer.MAX_VALUE));
            case 6 -> new Matrix("m", 16, 5, 3, 16).fromRow(number(random.nextInt(6), -1, 6, Integer.MIN_VALUE, Integer.MAX_VALUE));
            case 7 -> new Optimizer(name("sgd"), orElse(0.9, -0.1, 1.0, Double.NaN), true, 0, orElse(0.5, -1.0, Double.NaN, Double.POSITIVE_INFINITY));
            case 8 -> new Optimizer("adamw", 0, false, orElse(0.1, -0.1, Double.NaN, Double.POSITIVE_INFINITY), orElse(0.0, -1.0));
            case 9 -> new Replica.Stretch(number(2, -1, Integer.MAX_VALUE), number(2, -1, Integer.MAX_VALUE), size(), number(9, 0, -1), 0.1, 1);
            case 10 -> {
                String cell = name("rnn", "relu", "lstm", "peephole");
                Cell.of(cell, "relu".equals(cell) ? name("tanh", "sigmoid", "relu") : orElse(name("tanh", "sigmoid"), "relu"));
            }
            case 11 -> {
                Layout l = layout();
                Tensor tensor = oneOf(l.network.tensors().toArray(new Tensor[0]));
                l.network.tensor(name(tensor.name()));
                l.at(block(l), new Tensor(name(tensor.name()), tensor.shape(), 0));
            }
            case 12 -> new Cell(number(4, 0, 2, -1, Integer.MAX_VALUE), orElse(Activation.TANH, Activation.RELU), random.nextBoolean());
            case 13 -> new Network(5, number(8, 7, 9), Cell.LSTM, 4, 1, true, new Head(false, needs(random.nextInt(8) > 0, "squared error") ? Loss.SOFTMAX : Loss.SQUARED_ERROR, number(5, 4)), true);
            case 18 -> new Head(orElse(true, false), Loss.CRF, 3);
            case 14 -> new Optimizer(orElse("sgd", "adam", "adamw"), 0.9, true, 0, 1);
            case 15 -> new Optimizer("sgd", orElse(0.9, 0.0), true, 0, 1);
            case 16 -> new Optimizer(orElse("adamw", "adam", "sgd"), 0, false, 0.1, 1);
            case 17 -> {
                int[] ids = some(new int[1]);
                boolean both = ids != null && !needs(random.nextInt(8) > 0, "there");
                new Window(ids, both ? new float[1] : null, new int[1], null, null, 1);
            }
            default -> Kernel.check(name("auto", "native", "portable", "reference"));
        }
    }

    /** Some rows of a matrix to others. */
    private void copy(Kernel kernel, Matrix m) {
        if (m == null || m.rows() == 1 || !wrong.isEmpty()) kernel.zero(m);
        else kernel.copy(m.fromRow(m.rows() - m.rows() / 2), m.first(1 + random.nextInt(m.rows() / 2)));
        unsure = true;
        kernel.copy(matrix(kernel.layout()), matrix(kernel.layout()));
    }

    private void copyColumns(Kernel kernel, Matrix m) {
        int cols = m == null ? 1 : m.cols(), count = 1 + random.nextInt(cols);
        if (m == null || m.rows() == 1 || !wrong.isEmpty()) kernel.zero(m);
        else kernel.copyColumns(m.first(m.rows() / 2), 0, m.fromRow(m.rows() - m.rows() / 2), m.cols() - count, count);
        unsure = true;
        kernel.copyColumns(matrix(kernel.layout()), random.nextInt(-1, 9), matrix(kernel.layout()), random.nextInt(-1, 9), random.nextInt(-1, 9));
    }

    private void dropout(Kernel kernel, Matrix m) {
        Matrix to = random.nextBoolean() ? m : matrix(kernel.layout());
        unsure |= to != m;          // may be of another form
        double rate = orElse(oneOf(0.3, 0.0, 0.999999999999), -0.1, 1.0, Double.NaN, Double.POSITIVE_INFINITY);
        kernel.dropout(m, to, rate, some(draw()), random.nextInt(), number(m == null ? 1 : 1 + random.nextInt(m.rows()), 0, -1, Integer.MAX_VALUE));
    }
}
