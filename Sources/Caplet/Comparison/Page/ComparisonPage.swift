/// compare.html: the comparison as one page without anything from elsewhere.
struct ComparisonPage {
    let comparison: MethodComparison

    /// By which such a page is known again, in its first lines.
    static let mark = "<title>Comparison of compression methods</title>"

    init(_ comparison: MethodComparison) { self.comparison = comparison }

    var text: String {
        let dense = comparison.dense
        let facts =
            "Dense model: \(NumberText.grouped(dense.parameters)) parameters, \(NumberText.grouped(dense.linearParameters)) of them in linear layers; "
            + "\(NumberText.bytes(dense.fileBytes)) as .caplet. Errors are standard errors of the differences to the dense model, sequence by sequence."
        let body = ["<h1>Comparison of compression methods</h1>", "<p>\(SVGElement.escaped(facts))</p>"]
        let layers = ["<h2>Layers</h2>", PageFrame.charts(ComparisonCharts(comparison).layers)]
        return PageFrame.text(mark: ComparisonPage.mark, body: body + comparison.onEachText.map(section) + layers, footer: origin)
    }

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
            \(PageFrame.charts(ComparisonCharts(comparison).loss))
            """
    }

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
