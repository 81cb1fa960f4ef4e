/// compare.html: the comparison as one page without anything from elsewhere.
struct ComparisonPage {
    let comparison: MethodComparison

    /// By which such a page is known again, in its first lines.
    static let mark = "<title>Comparison of compression methods</title>"

    init(_ comparison: MethodComparison) { self.comparison = comparison }

    var text: String {
        let dense = comparison.dense
        let charts = ComparisonCharts(comparison).layers.map(figure)
        let facts =
            "Dense model: \(NumberText.grouped(dense.parameters)) parameters, \(NumberText.grouped(dense.linearParameters)) of them in linear layers; "
            + "\(NumberText.bytes(dense.fileBytes)) as .caplet. Errors are standard errors of the differences to the dense model, sequence by sequence."
        return """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
            \(ComparisonPage.mark)
            <style>\(ComparisonPage.style)</style></head><body>
            <h1>Comparison of compression methods</h1>
            <p>\(SVGElement.escaped(facts))</p>
            \(comparison.onEachText.map(section).joined(separator: "\n"))
            <h2>Layers</h2>
            \(charts.joined(separator: "\n"))
            <footer>\(SVGElement.escaped(origin))</footer>
            </body></html>
            """
    }

    private func figure(_ chart: LineChart) -> String { "<figure>\(chart.svg.markup)</figure>" }

    /// What one text shows: the table, and loss against parameters and bytes.
    private func section(_ comparison: MethodComparison) -> String {
        let dense = comparison.loss(comparison.dense)
        let facts =
            "\(CellText.number(dense.meanLoss, dense.standardError)) \(comparison.measure.rawValue) for the dense model, over "
            + "\(NumberText.grouped(dense.tokens)) tokens in \(dense.sequenceLosses.count) sequences."
        return """
            <h2>\(SVGElement.escaped(comparison.textName))</h2>
            <p>\(SVGElement.escaped(facts))</p>
            \(table(comparison).markup)
            \(ComparisonCharts(comparison).loss.map(figure).joined(separator: "\n"))
            """
    }

    private static let style = """
        :root{color-scheme:light dark;--ink:#1d2329;--paper:#fff;--faint:#dde2e7}
        @media(prefers-color-scheme:dark){:root{--ink:#e3e7eb;--paper:#15191d;--faint:#343b42}}
        body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:820px;margin:2em auto;padding:0 1em}
        h1{font-size:1.4em}h2{font-size:1.15em;margin-top:2em}figure{margin:1.6em 0}svg{width:100%;height:auto}svg text{font:12px system-ui,sans-serif;fill:var(--ink)}
        svg .title{font-size:14px;font-weight:600}.grid{stroke:var(--faint)}.axis{stroke:var(--ink)}.error{stroke-width:1.2}
        .scroll{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
        th,td{padding:.25em .8em;border-bottom:1px solid var(--faint);text-align:right;white-space:nowrap}
        th:first-child,td:first-child{text-align:left}.own{font-weight:600}footer{font-size:12px;overflow-wrap:anywhere;opacity:.75}
        """

    /// Excess, parameters and bytes of every cell.
    private func table(_ comparison: MethodComparison) -> SVGElement {
        var table = SVGElement("table")
        table.append(
            SVGElement(
                "caption",
                text:
                    "Excess over the dense model, \(comparison.measure.rawValue), by the share of the linear layers' parameters that is kept; below it the size as .caplet"
            ))
        var head = SVGElement("tr").holding(SVGElement("th", text: "method"))
        for budget in comparison.budgets { head.append(SVGElement("th", text: "\(budget)")) }
        table.append(head)
        for method in comparison.methods {
            var row = SVGElement("tr", ["class": method == ComparisonMethod.own ? "own" : "other"]).holding(SVGElement("td", text: method))
            for budget in comparison.budgets {
                guard let cell = comparison[method, budget] else {
                    row.append(SVGElement("td", text: "–"))
                    continue
                }
                row.append(SVGElement("td", text: "\(CellText.excess(comparison.loss(cell))), \(NumberText.bytes(cell.fileBytes))"))
            }
            table.append(row)
        }
        return SVGElement("div", ["class": "scroll"]).holding(table)
    }

    private var origin: String {
        let inputs = comparison.inputs
        let calibration = inputs.calibration.map { ", calibration \($0)" } ?? ""
        return
            "caplet \(inputs.caplet), seed \(inputs.seed), context \(inputs.context); digests: model \(inputs.model)\(calibration), texts \(inputs.textList)"
    }
}
