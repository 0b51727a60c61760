package org.rondo.driver.corpus;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.storage.StorageLevel;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.kernels.Network;
import org.rondo.kernels.Shard;
import org.rondo.kernels.Streams;
import org.rondo.kernels.Window;
import scala.Tuple2;

/** A text as token ids, on Spark: pieces of about a million tokens, kept in memory or on disk. What is known on the driver is
 *  where each piece starts. A slice shares the pieces of the whole. */
public final class Tokens implements Data {
    private static final int PIECE = 1 << 20;

    private final JavaRDD<Piece> pieces;
    /** [partition][piece in it] -> tokens of the text before it. */
    private final long[][] starts;
    private final long from, to;
    /** Id of a line's end. */
    private final int end;
    private long[] totals;

    private Tokens(JavaRDD<Piece> pieces, int end, long[][] starts, long from, long to) {
        this.pieces = pieces;
        this.end = end;
        this.starts = starts;
        this.from = from;
        this.to = to;
    }

    /** Reads the text once.
     *  @throws BadInput if it is empty, or not UTF-8 */
    public static Tokens encode(Text text, Vocabulary vocabulary) {
        text.says("encode");
        // Never destroyed here: a lost shard is made again from the text. Spark drops it with the last RDD that uses it.
        Broadcast<Vocabulary> shared = text.context().broadcast(vocabulary);
        JavaRDD<Piece> pieces = text.read((file, start, lines) -> (Iterator<Piece>) new Encoder(file, start, lines, shared.value()))
                .setName("tokens").persist(StorageLevel.MEMORY_AND_DISK());
        try {
            List<Place> places = new ArrayList<>(pieces.mapPartitionsWithIndex((partition, some) -> places(partition, some), true).collect());
            text.check();
            places.sort(Comparator.comparing((Place p) -> p.file).thenComparing(p -> p.offset).thenComparing(p -> p.number));
            int[] inPartition = new int[pieces.getNumPartitions()];
            places.forEach(place -> inPartition[place.partition]++);
            long[][] starts = Arrays.stream(inPartition).mapToObj(long[]::new).toArray(long[][]::new);
            long count = 0;
            for (Place place : places) {
                starts[place.partition][place.index] = count;
                count += place.tokens;
            }
            if (count == 0) throw new BadInput(text.path() + " is empty, expected at least one line of text");
            return new Tokens(pieces, vocabulary.end(), starts, 0, count);
        } catch (RuntimeException e) {
            pieces.unpersist();
            throw e;
        }
    }

    /** Of a text in any format.
     *  @param path as {@link Text#open(JavaSparkContext, String, Settings, Consumer)} takes it */
    public static Tokens read(JavaSparkContext sc, String path, Vocabulary vocabulary, Settings settings, Consumer<String> notes) {
        try (Text text = Text.open(sc, path, settings, notes)) {
            return encode(text, vocabulary);
        }
    }

    @Override public long count() {
        return to - from;
    }

    /** Tokens {@code first} to {@code end}, without {@code end}. Nothing is copied. */
    public Tokens slice(long first, long end) {
        if (first < 0 || first > end || end > count())
            throw new IllegalArgumentException("slice [" + first + ", " + end + ") of " + count() + " tokens");
        return new Tokens(pieces, this.end, starts, from + first, from + end);
    }

    /** Code points of the text that these tokens stand for, blanks and lines' ends included: what bits per character are per.
     *  Exact for every slice; a word's characters are its own and the blanks after it. */
    public long characters() {
        return totals()[0];
    }

    /** Share of the tokens that are {@code <unk>}, 0 where there are none. */
    public double unknown() {
        return totals()[1] / (double) Math.max(1, count());
    }

    /** Ends of lines; 0 where the vocabulary does not have them. */
    long lines() {
        return end == Vocabulary.UNKNOWN ? 0 : totals()[4];
    }

    /** The sum over all tokens of 128 bits made of place and id, and so the same however the text is cut. */
    @Override public String checksum() {
        return HexFormat.of().toHexDigits(totals()[2]) + HexFormat.of().toHexDigits(totals()[3]);
    }

    @Override public Shards shards(Network network, Lexicon lexicon, Settings settings) {
        return Shards.ofStreams(shards(settings.get(Setting.SHARDS), settings.get(Setting.BATCH)), settings, count());
    }

    /** Cuts the tokens into {@code shards * batch} streams of equal length (but for one token), which a model reads in
     *  parallel. Of M = count - 1 targets, stream k of K has floor(k*M/K) to floor((k+1)*M/K), and so one token more: the
     *  first of a stream is the last of the one before. Shard s has streams s*batch to (s+1)*batch.
     *
     *  <p>Partition s holds shard s alone; one shuffle of arrays, then in memory or on disk until {@code unpersist()}. */
    public JavaRDD<Shard> shards(int shards, int batch) {
        long streams = (long) shards * batch, tokens = count(), targets = Math.max(0, tokens - 1);
        if (streams > Integer.MAX_VALUE) throw new BadInput("shards " + shards + " x batch " + batch + " are " + streams
                + " streams, expected at most " + Integer.MAX_VALUE + "; lower one of them");
        if (targets / streams >= Integer.MAX_VALUE - 16) throw new BadInput("a stream would have " + targets / streams
                + " tokens, expected fewer than 2^31; raise shards or batch");
        Cut cut = new Cut(targets, streams);
        long[][] starts = this.starts;
        long from = this.from, to = this.to;
        return pieces.mapPartitionsWithIndex((partition, some) -> place(starts[partition], some)
                        .flatMap(p -> fragments(p._2.tokens, p._1 - from, to - from, cut, batch)).iterator(), false)
                .mapToPair(fragment -> fragment)
                .partitionBy(new Shards.ByShard(shards))
                .mapPartitionsWithIndex((s, fragments) -> List.of(assemble(s, fragments, cut, batch, tokens)).iterator(), true)
                .setName("shards").persist(StorageLevel.MEMORY_AND_DISK());
    }

    @Override public Window.Size largest(Network network, Lexicon lexicon, Settings settings) {
        return new Window.Size(settings.get(Setting.BATCH), settings.get(Setting.SEQ_LEN));
    }

    /** Releases the pieces, which slices share; shards that are in memory or on disk stay. What is used afterwards is read again. */
    @Override public void close() {
        pieces.unpersist();
    }

    /** Characters, unknown tokens, two words of checksum and ends of lines, all in one pass on Spark: 5 ns a token on top of reading it. */
    private synchronized long[] totals() {
        if (totals == null) {
            long[][] starts = this.starts;
            long from = this.from, to = this.to;
            int end = this.end;
            JavaSparkContext.fromSparkContext(pieces.context()).setJobGroup("reading", "sum up " + count() + " tokens", true);
            totals = pieces.mapPartitionsWithIndex((partition, some) -> place(starts[partition], some)
                            .map(p -> p._2.totals(from - p._1, to - p._1, end)).iterator(), true)
                    .fold(new long[5], (a, b) -> new long[] {a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4]});
        }
        return totals;
    }

    private static Iterator<Place> places(int partition, Iterator<Piece> pieces) {
        List<Place> places = new ArrayList<>();
        pieces.forEachRemaining(piece -> places.add(new Place(partition, places.size(), piece)));
        return places.iterator();
    }

    /** Every piece of a partition, with the tokens of the text before it. */
    private static Stream<Tuple2<Long, Piece>> place(long[] starts, Iterator<Piece> pieces) {
        int[] next = {0};
        Iterable<Piece> once = () -> pieces;
        return StreamSupport.stream(once.spliterator(), false).map(piece -> {
            if (next[0] == starts.length) throw new IllegalStateException(piece.file + " has grown while it was used; start again");
            return new Tuple2<>(starts[next[0]++], piece);
        });
    }

    /** What the streams take of a piece whose first token is number {@code start} of a slice of {@code count} tokens. */
    private static Stream<Tuple2<Integer, Fragment>> fragments(int[] tokens, long start, long count, Cut cut, int batch) {
        long first = Math.max(0, start), end = Math.min(count, start + tokens.length);
        if (first >= end) return Stream.empty();
        return IntStream.range(cut.firstReaching(first), (int) cut.streams).boxed()
                .takeWhile(k -> cut.at(k) < end)
                .map(k -> {
                    long a = Math.max(first, cut.at(k)), b = Math.min(end, cut.at(k + 1) + 1);
                    return new Tuple2<>(k / batch, new Fragment(k % batch, (int) (a - cut.at(k)),
                            Arrays.copyOfRange(tokens, (int) (a - start), (int) (b - start))));
                });
    }

    private static Shard assemble(int shard, Iterator<Tuple2<Integer, Fragment>> fragments, Cut cut, int batch, long tokens) {
        int[][] streams = new int[batch][];
        long missing = 0;
        for (int b = 0; b < batch; b++) {
            long k = (long) shard * batch + b;
            streams[b] = new int[tokens == 0 ? 0 : (int) (cut.at(k + 1) - cut.at(k) + 1)];
            missing += streams[b].length;
        }
        while (fragments.hasNext()) {       // in any order: each says where it goes
            Fragment f = fragments.next()._2;
            System.arraycopy(f.tokens, 0, streams[f.stream], f.at, f.tokens.length);
            missing -= f.tokens.length;
        }
        if (missing != 0) throw new IllegalStateException("shard " + shard + " lacks " + missing + " tokens: the text has changed while it was used; start again");
        return new Streams(shard, streams);
    }

    /** Where the streams begin. */
    private static final class Cut implements Serializable {
        private static final long serialVersionUID = 1;
        final long targets, streams;

        Cut(long targets, long streams) {
            this.targets = targets;
            this.streams = streams;
        }

        /** floor(k * targets / streams), without overflow: streams < 2^31. */
        long at(long k) {
            return k * (targets / streams) + k * (targets % streams) / streams;
        }

        /** The first stream that has token number {@code token}. */
        int firstReaching(long token) {
            long low = 0, high = streams - 1;
            while (low < high) {
                long middle = (low + high) / 2;
                if (at(middle + 1) >= token) high = middle;
                else low = middle + 1;
            }
            return (int) low;
        }
    }

    /** Successive tokens of one split. */
    private static final class Piece implements Serializable {
        private static final long serialVersionUID = 1;
        final String file;
        final long offset;
        final int number;
        final int[] tokens;
        /** Code points that each token stands for; null where it is one. */
        final int[] characters;

        Piece(String file, long offset, int number, int[] tokens, int[] characters) {
            this.file = file;
            this.offset = offset;
            this.number = number;
            this.tokens = tokens;
            this.characters = characters;
        }

        /** Of the tokens in {@code [from, to)}, which may lie outside: characters, unknown tokens, two words of checksum, ends of lines. */
        long[] totals(long from, long to, int end) {
            long[] totals = new long[5];
            for (int n = (int) Math.max(0, Math.min(from, tokens.length)); n < Math.min(to, tokens.length); n++) {
                totals[0] += characters == null ? 1 : characters[n];
                if (tokens[n] == Vocabulary.UNKNOWN) totals[1]++;
                if (tokens[n] == end) totals[4]++;
                totals[2] += mix(mix(n - from) ^ tokens[n]);
                totals[3] += mix(mix(~(n - from)) ^ tokens[n]);
            }
            return totals;
        }

        /** A bijection in which every bit of the result depends on every bit given: the finaliser of SplitMix64 (Steele et al., 2014). */
        private static long mix(long bits) {
            bits = (bits ^ bits >>> 30) * 0xBF58476D1CE4E5B9L;
            bits = (bits ^ bits >>> 27) * 0x94D049BB133111EBL;
            return bits ^ bits >>> 31;
        }
    }

    /** What the driver learns of a piece. */
    private static final class Place implements Serializable {
        private static final long serialVersionUID = 1;
        final int partition, index;
        final String file;
        final long offset;
        final int number, tokens;

        Place(int partition, int index, Piece piece) {
            this.partition = partition;
            this.index = index;
            this.file = piece.file;
            this.offset = piece.offset;
            this.number = piece.number;
            this.tokens = piece.tokens.length;
        }
    }

    /** A part of a stream: {@code stream} is its row in the shard, {@code at} the first token's place in the stream. */
    private static final class Fragment implements Serializable {
        private static final long serialVersionUID = 1;
        final int stream, at;
        final int[] tokens;

        Fragment(int stream, int at, int[] tokens) {
            this.stream = stream;
            this.at = at;
            this.tokens = tokens;
        }
    }

    /** Encodes the lines of a split into pieces. */
    private static final class Encoder implements Iterator<Piece> {
        private final String file;
        private final long offset;
        private final Iterator<String> lines;
        private final Vocabulary vocabulary;
        private final boolean words;
        private int[] tokens = new int[1 << 10], characters = new int[0];
        private int size, number;

        Encoder(String file, long offset, Iterator<String> lines, Vocabulary vocabulary) {
            this.file = file;
            this.offset = offset;
            this.lines = lines;
            this.vocabulary = vocabulary;
            this.words = vocabulary.unit().equals("word");
        }

        @Override public boolean hasNext() {
            return lines.hasNext();
        }

        @Override public Piece next() {
            if (!hasNext()) throw new NoSuchElementException();
            size = 0;
            while (size < PIECE && lines.hasNext()) vocabulary.encode(lines.next(), this::add);
            return new Piece(file, offset, number++, Arrays.copyOf(tokens, size), words ? Arrays.copyOf(characters, size) : null);
        }

        private void add(int id, int length) {
            if (size == tokens.length) tokens = Arrays.copyOf(tokens, grown());
            tokens[size] = id;
            if (words) {
                if (size >= characters.length) characters = Arrays.copyOf(characters, tokens.length);
                characters[size] = length;
            }
            size++;
        }

        private int grown() {
            if (size > Integer.MAX_VALUE / 2) throw new IllegalStateException(file + " has a line of more than " + size + " tokens, expected fewer; break its lines");
            return 2 * size;
        }
    }
}
