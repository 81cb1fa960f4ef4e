import Calibration
import Execution
import FormatKit
import GGUFFormat
import ModelGraph
import Models
import PassKit

/// llama.cpp's mixtures of types, as llama-quantize makes them, with an importance matrix where there is text to measure one on.
struct LlamaTypes {
    private let model: Model
    private let importance: ImportanceMatrix?

    init(_ model: Model, _ calibration: CalibrationModel?) throws {
        self.model = model
        guard let calibration, let names = try GGUFNames(model.graph) else {
            importance = nil
            return
        }
        importance = try ImportanceMatrix(of: calibration, names)
    }

    /// The largest file of at most so many bytes.
    ///
    /// - Throws: `PassError` where every mixture takes more; `FormatError` for a model that llama.cpp does not know.
    func largest(
        under bytes: Int, _ target: OutputTarget?, path: String, _ execution: ExecutionContext
    ) throws -> (name: String, bytes: Int, graph: TensorGraph) {
        guard let target else { preconditionFailure("these types are of GGUF files") }
        var best: (name: String, bytes: Int, graph: TensorGraph)?
        var least = Int.max
        for mixture in GGUFMixture.allCases {
            var quantization = GGUFQuantization()
            (quantization.mixture, quantization.importance) = (mixture, importance)
            let graph = try quantization.cast(model.graph, path: path).graph
            let size = try target.byteCount(graph, provenance: [], execution)
            least = min(least, size)
            if size <= bytes, size > best?.bytes ?? 0 { best = (mixture.rawValue, size, graph) }
        }
        guard let best else {
            throw PassError(.usage, pass: "llama-types", "the smallest of llama.cpp's mixtures makes a file of \(least) bytes")
        }
        return best
    }
}
