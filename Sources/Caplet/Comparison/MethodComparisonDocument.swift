/// compare.json: the same bytes for the same comparison, whenever and wherever its cells were made.
struct MethodComparisonDocument: Encodable {
    struct Cell: Encodable {
        let method: String
        let pipeline: String
        let budget: Double
        let linearParameters: Int
        let parameters: Int
        /// On each text, in order.
        let losses: [Loss]
        let payloadBytes: Int
        let fileBytes: Int
        let choice: String?
        let layers: [LayerShape]

        init(_ cell: ComparisonCell) {
            method = cell.identity.method
            pipeline = cell.identity.pipeline
            budget = cell.identity.budget
            linearParameters = cell.linearParameters
            parameters = cell.parameters
            losses = cell.losses.map(Loss.init)
            payloadBytes = cell.payloadBytes
            fileBytes = cell.fileBytes
            choice = cell.choice
            layers = cell.layers
        }
    }

    struct Loss: Encodable {
        let meanLoss: Double
        let standardError: Double?
        let excess: Double
        let excessStandardError: Double?

        init(_ loss: TextLoss) {
            meanLoss = loss.meanLoss
            standardError = loss.standardError
            excess = loss.excess
            excessStandardError = loss.excessStandardError
        }
    }

    struct Text: Encodable {
        let name: String
        let scoredTokens: Int
        let sequences: Int
        let rivalries: [MethodComparison.Rivalry]
    }

    let inputs: ComparisonInputs
    let budgets: [Double]
    let measure: MethodComparison.Measure
    let texts: [Text]
    let dense: Cell
    /// By method and budget, largest budget first.
    let cells: [Cell]
    let missing: [MethodComparison.Missing]
    let spectra: [Spectrum]

    init(_ comparison: MethodComparison) {
        inputs = comparison.inputs
        budgets = comparison.budgets
        measure = comparison.measure
        texts = comparison.onEachText.map { view in
            let dense = view.loss(view.dense)
            return Text(name: view.textName, scoredTokens: dense.tokens, sequences: dense.sequenceLosses.count, rivalries: view.rivalries)
        }
        dense = Cell(comparison.dense)
        cells = comparison.cells.sorted {
            ($0.identity.method, -$0.identity.budget) < ($1.identity.method, -$1.identity.budget)
        }.map(Cell.init)
        missing = comparison.missing.sorted { ($0.method, -$0.budget) < ($1.method, -$1.budget) }
        spectra = comparison.dense.spectra ?? []
    }
}
