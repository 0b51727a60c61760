package org.rondo.jobs;

import org.apache.spark.SparkConf;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.scoring.Sampler;

/** Model and prompt to text. Runs in the driver: one sequence has nothing to spread over executors. */
final class Generate {
    private Generate() { }

    static void run(Settings settings, SparkConf conf, Console console) {
        Model model = Model.load(settings.get(Setting.MODEL), SparkHadoopUtil.get().newConfiguration(conf));
        String prompt = settings.get(Setting.PROMPT);
        console.out().println(prompt + Sampler.sample(model, prompt, settings.get(Setting.LENGTH), settings.get(Setting.TEMPERATURE),
                settings.get(Setting.SEED), settings.get(Setting.KERNEL)));
    }
}
