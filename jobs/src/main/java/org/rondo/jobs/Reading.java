package org.rondo.jobs;

import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.corpus.Text;
import org.rondo.driver.corpus.Tokens;
import org.rondo.driver.corpus.Vocabulary;
import org.rondo.kernels.Philox;
import org.rondo.kernels.Shard;
import org.rondo.kernels.Streams;

/** What the networks of a gradient flow read, all of it in this JVM: windows to train on, then windows to measure.
 *  @param source   for people
 *  @param training the first windows of the shard; those to measure follow
 *  @param unknown  share of the source's tokens that the vocabulary does not have */
record Reading(String source, int vocab, Streams shard, int training, int measured, double unknown) {
    private static final int KEYS = 2, NOTHING = KEYS, QUESTION = KEYS + 1, RECALL_VOCAB = KEYS + 2;
    private static final int RECALL = 3;
    /** In every quarter of the shortest window there are an answer, a key and a question. */
    private static final int LEAST_STEPS = 12;

    /** Something to remember. A window has four parts: the second token of each is a key, one of two at random; the last one asks
     *  for it; what lies between says nothing; and the first of the next part is the answer, the key again. So the loss of a
     *  window's last step is that of an answer, whose key was read a quarter of a window before.
     *  @param training, measured windows */
    static Reading recall(Settings settings, int training, int measured) {
        int steps = steps(settings);
        checkRoom(settings.get(Setting.BATCH), training + measured, steps);
        Philox.Stream random = new Philox.Stream(settings.get(Setting.SEED), RECALL);
        int[][] streams = new int[settings.get(Setting.BATCH)][(training + measured) * steps + 1];
        for (int[] stream : streams) {
            int key = 0;
            for (int i = 0; i < stream.length; i++) {
                int step = i % steps, part = 4 * step / steps, start = (part * steps + 3) / 4, end = ((part + 1) * steps + 3) / 4;
                if (step == start + 1) key = random.word() & 1;
                stream[i] = step <= start + 1 ? key : step == end - 1 ? QUESTION : NOTHING;
            }
        }
        int lastPart = steps - (3 * steps + 3) / 4;
        return new Reading("a key, one of two, and are asked for it " + (lastPart - 2) + " steps later (to guess costs " + Units.decimals(Math.log(KEYS), 3) + " nats)",
                RECALL_VOCAB, new Streams(0, streams), training, measured, 0);
    }

    /** The beginning of a text, as much as is needed.
     *  @param vocabulary null: the text's own
     *  @param training   windows at most, from 0; of a text that has fewer, the last tenth is measured, and at most {@code measured}
     *  @throws BadInput if the text is too short for a window of each kind */
    static Reading text(JavaSparkContext sc, Settings settings, Vocabulary vocabulary, int training, int measured) {
        int batch = settings.get(Setting.BATCH), steps = steps(settings), least = 1 + Math.min(1, training);
        long window = (long) batch * steps;
        Text text = Text.open(sc, settings.get(Setting.INPUT));
        Vocabulary known = vocabulary == null ? Vocabulary.count(text, settings) : vocabulary;
        try (Tokens tokens = Tokens.encode(text, known)) {
            int windows = (int) Math.min(training + measured, (tokens.count() - 1) / window);
            if (windows < least)
                throw new BadInput(text.path() + " has " + tokens.count() + " tokens, expected at least " + (least * window + 1) + " for " + least
                        + (least == 1 ? " window" : " windows") + " of batch " + batch + " x seqLen " + steps + "; give more text, or lower --batch or --seqLen");
            checkRoom(batch, windows, steps);
            int last = Math.min(measured, training == 0 ? windows : Math.max(1, windows / 10));
            JavaRDD<Shard> shards = tokens.slice(0, windows * window + 1).shards(1, batch);
            try {
                return new Reading(text.path(), known.size(), (Streams) shards.first(), windows - last, last, tokens.unknown());
            } finally {
                shards.unpersist();
            }
        }
    }

    /** @throws BadInput if the tokens of the windows would leave no room for anything else */
    private static void checkRoom(int batch, long windows, int steps) {
        long bytes = Integer.BYTES * windows * batch * steps, most = Runtime.getRuntime().maxMemory() / 2;
        if (bytes > most)
            throw new BadInput("batch " + batch + " x " + windows + " windows x seqLen " + steps + " are " + Units.bytes(bytes) + " of tokens, expected at most "
                    + Units.bytes(most) + ", half of the driver's memory; lower --batch or --seqLen, or raise --driver-memory");
    }

    private static int steps(Settings settings) {
        int steps = settings.get(Setting.SEQ_LEN);
        if (steps < LEAST_STEPS) throw new BadInput("seqLen is " + steps + ", expected at least " + LEAST_STEPS + " steps to follow a gradient back; set --seqLen");
        return steps;
    }
}
