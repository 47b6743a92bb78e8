// Compares what the page shows, as the browser has laid it out, with the report that it carries; the verdict becomes
// the page's text.
(() => {
  const report = JSON.parse(document.getElementById("report").textContent);
  const sections = [...document.querySelectorAll("section.run")];
  const wrong = [];
  let checked = 0;
  const check = (what, shown, wanted, within = 0) => {
    checked += 1;
    const same = within ? Math.abs(shown - wanted) <= within * Math.abs(wanted) : shown === wanted;
    if (!same) wrong.push(`${what}: ${shown} instead of ${wanted}`);
  };
  const count = (number) => Math.floor(number).toLocaleString("en-US");
  const points = (line) => [...line.points].map((point) => point.y);

  check("sections", sections.length, report.runs.length);
  report.runs.forEach((run, index) => {
    const section = sections[index];
    const card = (name) =>
      [...section.querySelectorAll(".card")].find((card) => card.querySelector("span").textContent === name)
        ?.querySelector("b").textContent;
    check("requests/s", card("requests/s"), count(run.throughput));
    check("failed", card("failed"), count(run.counts.errors + run.counts.lost + run.counts.timeouts));
    for (const [name, value] of [["p50", run.latency.p50], ["p99", run.latency.p99], ["p99.9", run.latency.p999],
                                 ["max", run.latency.max]]) {
      const shown = card(name);
      check(name, parseFloat(shown) * (shown.endsWith(" ms") ? 1 : 1000), value, 0.01);
    }
    // The curve ends at the longest latency, which is its highest place.
    const curve = points(section.querySelector(".curve polyline.main"));
    check("the curve's end", curve.at(-1), Math.min(...curve));
    // The second with most answers stands highest.
    const answered = run.timeline.map((second) => second.answered);
    const heights = points(section.querySelector(".answered polyline.main"));
    check("seconds", heights.length, answered.length);
    check("the best second", heights[answered.indexOf(Math.max(...answered))], Math.min(...heights));
    // Bars are as long as what they stand for.
    const bars = [...section.querySelectorAll(".nodes rect")].map((bar) => bar.getBoundingClientRect().width);
    check("bars", bars.length, run.nodes.length);
    const most = Math.max(...run.nodes.map((node) => node.throughput));
    run.nodes.forEach((node, i) => {
      const difference = bars[i] / Math.max(...bars) - node.throughput / most;
      check(`${node.label}'s bar is right`, Math.abs(difference) < 0.01, true);
    });
  });
  // Nothing is cut off or empty.
  check("width", document.documentElement.scrollWidth, document.documentElement.clientWidth);
  document.querySelectorAll("svg, .card").forEach((part) => {
    const box = part.getBoundingClientRect();
    check("a part with a size", box.width > 20 && box.height > 20, true);
  });
  document.body.textContent = wrong.length ? `WRONG ${wrong.join("; ")}` : `RIGHT in ${checked} figures`;
})();
