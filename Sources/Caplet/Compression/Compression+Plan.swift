import Execution
import ModelGraph
import PassKit

extension WorkPlan {
    /// Operations below which a run takes no time worth telling, and less than finding out how fast the machine is.
    private static let leastOperations = 2e11

    /// The passes of a compression, then measuring and writing, which take little beside passes that take long.
    ///
    /// - Parameter costs: of the passes, by their names; nil for one that does not say.
    init(_ costs: [(pass: String, cost: PassCost?)], measures: Bool, _ execution: ExecutionContext) {
        let operations = costs.reduce(0) { $0 + ($1.cost?.operations ?? 0) }
        let estimate = operations < WorkPlan.leastOperations ? nil : CostEstimate(costs, execution)
        let stages = estimate?.stages ?? []
        self.init(
            seconds: costs.indices.map { index in stages.indices.contains(index) ? stages[index].seconds : nil }
                + (measures ? [0, 0] : [0]))
    }
}
