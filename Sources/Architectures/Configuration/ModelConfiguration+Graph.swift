import FormatKit
import ModelGraph

extension ModelConfiguration {
    /// The hyperparameters of a graph: those of the config.json that travels with it, otherwise those that its format's reader found.
    ///
    /// - Returns: nil when neither is there or the family is not known.
    /// - Throws: `ConfigurationError`, `FormatError` for a config.json that is there and broken.
    package init?(of graph: TensorGraph) throws {
        if let config = graph.attachment(ModelConfiguration.fileName) {
            try self.init(configJSON: config.bytes, path: ModelConfiguration.fileName)
            return
        }
        guard let known = graph.configuration as? ModelConfiguration else { return nil }
        self = known
    }

    /// Where Hugging Face's checkpoints have their hyperparameters.
    package static let fileName = "config.json"
}
