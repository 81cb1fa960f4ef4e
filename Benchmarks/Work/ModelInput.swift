import Architectures
import BuiltIns
import Execution
import FormatKit
import ModelGraph
import Models

/// A model, or a file of matrices, in any format.
func openedModel(at path: String, _ execution: ExecutionContext) throws -> Model {
    try Model(Registry.builtIn.format(at: path).read(path, ReadContext(execution: execution)))
}
