import Calibration

/// The cells of a comparison, and what tables and charts ask of them.
public struct MethodComparison: Sendable {
    /// A cell that could not be made.
    public struct Missing: Encodable, Sendable {
        /// The name of the method.
        public let method: String
        /// Share of the linear layers' parameters.
        public let budget: Double
        /// Why there is none.
        public let reason: String
    }

    /// What a loss is.
    public enum Measure: String, Encodable, Sendable {
        /// Mean negative log-likelihood.
        case loss = "nats a token"
        /// One less the cosine of a sentence's embedding to the dense model's.
        case cosineDistance = "1 − cosine a sentence"
    }

    /// What the figures depend on.
    public let inputs: ComparisonInputs
    /// The model as it is.
    public let dense: ComparisonCell
    /// The cells, in the order of the run.
    public let cells: [ComparisonCell]
    /// Cells that could not be made, in the order of the run.
    public let missing: [Missing]
    /// Shares of the linear layers' parameters, or from 1000 on bytes of the file, largest first.
    public let budgets: [Double]
    /// What a loss is.
    public let measure: Measure
    /// The name of the model's folder or file.
    public internal(set) var modelName = ""
    /// Which of the texts the losses below are taken from.
    public internal(set) var text = 0

    /// The comparison as each text shows it.
    public var onEachText: [MethodComparison] {
        inputs.texts.indices.map { index in
            var view = self
            view.text = index
            return view
        }
    }

    /// The name of the text.
    public var textName: String { inputs.texts[text].name }

    /// A cell's loss on the text.
    public func loss(_ cell: ComparisonCell) -> TextLoss { cell.losses[text] }

    /// The cell of a method under a budget; nil where there is none.
    public subscript(method: String, budget: Double) -> ComparisonCell? {
        cells.first { $0.identity.method == method && $0.identity.budget == budget }
    }

    /// Whether budgets are bytes of the file.
    public var budgetsAreBytes: Bool { budgets.contains { $0 >= BudgetText.leastBytes } }

    /// The method of the least excess under a budget; nil where none was made.
    public func winner(_ budget: Double) -> String? {
        let known = methods.compactMap { self[$0, budget] }.filter { !loss($0).excess.isNaN }
        return known.min { loss($0).excess < loss($1).excess }?.identity.method
    }

    /// The methods with the least excess at the smallest budget first; those that do not reach it last, by name.
    public var methods: [String] {
        let names = Set(cells.map(\.identity.method)).union(missing.map(\.method)).sorted()
        let keyed = names.map { name in (name, budgets.last.flatMap { self[name, $0] }.map { loss($0).excess } ?? .infinity) }
        return keyed.enumerated().sorted { left, right in
            let (a, b) = (left.element.1, right.element.1)
            return (a.isNaN ? .infinity : a, left.offset) < (b.isNaN ? .infinity : b, right.offset)
        }.map(\.element.0)
    }

    /// The cells of a method, smallest budget first.
    public func cells(of method: String) -> [ComparisonCell] { budgets.reversed().compactMap { self[method, $0] } }

    /// How Caplet's own method stands against the best of the others under one budget.
    public struct Rivalry: Encodable, Sendable {
        /// Share of the linear layers' parameters.
        public let budget: Double
        /// The name of the best other method.
        public let rival: String
        /// Quotient of the excesses; nil unless the rival's is positive.
        public let ratio: Double?
        /// Difference of the losses, sequence by sequence: below 0 where Caplet's is better.
        public let difference: Double
        /// Its standard error; nil for a single sequence.
        public let differenceStandardError: Double?
    }

    /// Caplet's own method beside the best of the others, for each budget that has both.
    public var rivalries: [Rivalry] {
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
