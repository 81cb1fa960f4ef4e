import Architectures
import BuiltIns
import Execution
import FormatKit
import ModelGraph
import Models

/// A model, or a file of matrices, in any format.
func graph(at path: String, _ execution: ExecutionContext) throws -> TensorGraph {
    let context = ReadContext(execution: execution, warn: { _ in })
    var graph = try Registry.builtIn.format(at: path).read(path, context)
    graph = try Model(graph).graph
    return graph
}
