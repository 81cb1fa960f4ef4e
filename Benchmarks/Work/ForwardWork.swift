import Backpropagation
import Calibration
import Execution
import Inference
import ModelGraph
import Models

/// The mean loss of token sequences: what `caplet evaluate` computes once the model is open.
struct ForwardWork {
    private let model: Transformer
    private let sequences: TokenSequences
    private let execution: ExecutionContext

    /// tokens: a file of 32-bit ids; context: tokens in a sequence.
    init(_ arguments: WorkArguments) throws {
        execution = try arguments.execution()
        model = try Transformer(openedModel(at: arguments.input, execution), weights: .openBLAS)
        sequences = TokenSequences(try tokens(at: try arguments.text("tokens"), length: try arguments.integer("context")))
    }

    /// The figure is the mean loss in nats a token.
    func run() throws -> Timings {
        let start = now()
        let losses = try Perplexity.sequenceLosses(of: model, over: sequences, execution)
        let seconds = now() - start
        let (sum, count) = losses.reduce((0.0, 0)) { ($0.0 + $1.sum, $0.1 + $1.count) }
        return Timings(seconds: seconds, figures: [("loss", sum / Double(count))])
    }
}
