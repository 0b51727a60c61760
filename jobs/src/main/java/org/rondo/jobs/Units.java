package org.rondo.jobs;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Locale;
import org.rondo.kernels.Network;

/** Numbers for people; the decimal point is a point everywhere. */
final class Units {
    private static final String[] BYTES = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};

    private Units() { }

    /** 12,345 */
    static String count(double number) {
        return String.format(Locale.ROOT, "%,d", Math.round(number));
    }

    /** 1.500 */
    static String decimals(double number, int places) {
        return String.format(Locale.ROOT, "%." + places + "f", number);
    }

    /** 0.002, 0.000405: three digits that count */
    static String significant(double number) {
        return new BigDecimal(number).round(new MathContext(3)).stripTrailingZeros().toPlainString();
    }

    /** 12.3 MiB */
    static String bytes(long bytes) {
        int unit = 0;
        double value = bytes;
        for (; value >= 1024; value /= 1024) unit++;
        return unit == 0 ? bytes + " bytes" : decimals(value, value < 100 ? 1 : 0) + " " + BYTES[unit];
    }

    /** 1h 02m, 2m 05s, 5s */
    static String duration(double seconds) {
        long s = Math.round(seconds);
        return s >= 3600 ? String.format(Locale.ROOT, "%dh %02dm", s / 3600, s / 60 % 60)
                : s >= 60 ? String.format(Locale.ROOT, "%dm %02ds", s / 60, s % 60) : s + "s";
    }

    /** Of a mean in nats per character. */
    static double bits(double nats) {
        return nats / Math.log(2);
    }

    /** What a network reads. */
    static String vocabulary(Network network) {
        return network.vocab() == 0 ? network.embedding() + (network.embedding() == 1 ? " feature" : " features") : "vocabulary " + count(network.vocab());
    }
}
