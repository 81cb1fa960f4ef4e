import Calibration

/// The cells of a comparison, and what tables and charts ask of them.
struct MethodComparison {
    struct Missing: Encodable {
        let method: String
        let budget: Double
        let reason: String
    }

    /// What a loss is.
    enum Measure: String, Encodable {
        /// Mean negative log-likelihood.
        case loss = "nats a token"
        /// One less the cosine of a sentence's embedding to the dense model's.
        case cosineDistance = "1 − cosine a sentence"
    }

    let inputs: ComparisonInputs
    let dense: ComparisonCell
    let cells: [ComparisonCell]
    /// Cells that could not be made, in the order of the run.
    let missing: [Missing]
    /// Shares of the linear layers' parameters, largest first.
    let budgets: [Double]
    let measure: Measure
    /// Which of the texts the losses below are taken from.
    var text = 0

    /// The comparison as each text shows it.
    var onEachText: [MethodComparison] {
        inputs.texts.indices.map { index in
            var view = self
            view.text = index
            return view
        }
    }

    var textName: String { inputs.texts[text].name }

    /// A cell's loss on the text.
    func loss(_ cell: ComparisonCell) -> TextLoss { cell.losses[text] }

    subscript(method: String, budget: Double) -> ComparisonCell? {
        cells.first { $0.identity.method == method && $0.identity.budget == budget }
    }

    /// The methods with the least excess at the smallest budget first; those that do not reach it last, by name.
    var methods: [String] {
        let names = Set(cells.map(\.identity.method)).union(missing.map(\.method)).sorted()
        let keyed = names.map { name in (name, budgets.last.flatMap { self[name, $0] }.map { loss($0).excess } ?? .infinity) }
        return keyed.enumerated().sorted { left, right in
            let (a, b) = (left.element.1, right.element.1)
            return (a.isNaN ? .infinity : a, left.offset) < (b.isNaN ? .infinity : b, right.offset)
        }.map(\.element.0)
    }

    /// The cells of a method, smallest budget first.
    func cells(of method: String) -> [ComparisonCell] { budgets.reversed().compactMap { self[method, $0] } }

    /// How Caplet's own method stands against the best of the others under one budget.
    struct Rivalry: Encodable {
        let budget: Double
        let rival: String
        /// Quotient of the excesses; nil unless the rival's is positive.
        let ratio: Double?
        /// Difference of the losses, sequence by sequence: below 0 where Caplet's is better.
        let difference: Double
        let differenceStandardError: Double?
    }

    var rivalries: [Rivalry] {
        budgets.compactMap { budget in
            let others = methods.filter { $0 != ComparisonMethod.own }.compactMap { self[$0, budget] }.filter { !loss($0).excess.isNaN }
            guard let own = self[ComparisonMethod.own, budget], let best = others.min(by: { loss($0).excess < loss($1).excess }) else {
                return nil
            }
            let (ours, theirs) = (loss(own), loss(best))
            let difference = ours.difference(from: theirs)
            return Rivalry(
                budget: budget, rival: best.identity.method, ratio: theirs.excess > 0 ? ours.excess / theirs.excess : nil,
                difference: difference.meanLoss, differenceStandardError: difference.standardError)
        }
    }
}
