/// compare.json: the same bytes for the same comparison, whenever and wherever its cells were made.
struct MethodComparisonDocument: Encodable {
    struct Cell: Encodable {
        let method: String
        let pipeline: String
        let budget: Double
        let linearParameters: Int
        let parameters: Int
        let meanLoss: Double
        let standardError: Double?
        let excess: Double
        let excessStandardError: Double?
        let payloadBytes: Int
        let fileBytes: Int
        let layers: [LayerShape]

        init(_ cell: ComparisonCell) {
            method = cell.identity.method
            pipeline = cell.identity.pipeline
            budget = cell.identity.budget
            linearParameters = cell.linearParameters
            parameters = cell.parameters
            meanLoss = cell.meanLoss
            standardError = cell.standardError
            excess = cell.excess
            excessStandardError = cell.excessStandardError
            payloadBytes = cell.payloadBytes
            fileBytes = cell.fileBytes
            layers = cell.layers
        }
    }

    let inputs: ComparisonInputs
    let budgets: [Double]
    let scoredTokens: Int
    let sequences: Int
    let dense: Cell
    /// By method and budget, largest budget first.
    let cells: [Cell]
    let missing: [MethodComparison.Missing]
    let rivalries: [MethodComparison.Rivalry]

    init(_ comparison: MethodComparison) {
        inputs = comparison.inputs
        budgets = comparison.budgets
        scoredTokens = comparison.dense.sequenceLosses.reduce(0) { $0 + $1.tokens }
        sequences = comparison.dense.sequenceLosses.count
        dense = Cell(comparison.dense)
        cells = comparison.cells.sorted {
            ($0.identity.method, -$0.identity.budget) < ($1.identity.method, -$1.identity.budget)
        }.map(Cell.init)
        missing = comparison.missing.sorted { ($0.method, -$0.budget) < ($1.method, -$1.budget) }
        rivalries = comparison.rivalries
    }
}
