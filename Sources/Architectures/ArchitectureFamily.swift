import ModelGraph
import StrictJSON

/// What sets one model family apart, as data: names, roles, layouts and groups of its tensors, and how its configuration is spelled.
public struct ArchitectureFamily: Sendable {
    /// Our name for it.
    public var name: String
    /// `general.architecture` in GGUF; nil where llama.cpp does not know the family.
    public var ggufName: String?
    /// `model_type` values of config.json that are this family.
    public var modelTypes: [String]
    /// The class that `architectures` of config.json names.
    public var className: String
    /// What its blocks compute.
    public var design: BlockDesign
    /// What may stand before all names of a checkpoint: the name of the model inside one with a head for some task.
    public var prefixes: [String] = [""]
    /// What config.json calls the hyperparameters, and what they are where it is silent.
    package internal(set) var keys = ConfigurationKeys()
    /// Of encoders whose head has one whatever config.json says of the blocks'.
    package internal(set) var headActivation: BlockDesign.Activation?
    /// Of encoders that sort texts into classes: what stands between the two layers, and the key that may say another.
    package internal(set) var classifierActivation: SequenceClassifier.Activation?
    package internal(set) var classifierActivationKey: String?
    /// Whether "classifier_pooling" says what that head reads.
    var hasClassifierPooling = false
    /// Whether a config.json with one of its model types is of this family, for types that several families share.
    var isMeant: @Sendable (JSONValue) -> Bool = { _ in true }
    /// Settings of config.json that change what the model computes, each with the one value that is implemented.
    var fixedSettings: [String: Bool] = [:]
    /// What some of these are where config.json does not say, if that is not what is implemented.
    var silentSettings: [String: Bool] = [:]
    /// The same with other values than true and false, absent, or one of these.
    var fixedValues: [String: [JSONValue]] = [:]
    /// Settings that change what the model computes unless they are absent or null, which is what is implemented.
    var absentSettings: [String] = []
    /// Keys of config.json of this family that are obeyed, or change nothing, beside those that are named elsewhere here.
    var otherKeys: [String] = []
    /// Which layers have biases; empty for families where it is what the checkpoint has.
    var biasSettings: [BiasSetting] = []
    /// Names without prefix of tensors that old checkpoints carry and that follow from the configuration, with `{}` for the block.
    var derivedTensors: [String] = []
    /// Whether checkpoints may have blocks beyond those of the model, which predict further tokens: they are carried, and not run.
    public internal(set) var hasPredictionBlocks = false
    /// Tensors of checkpoints that are several of the graph.
    var fusedTensors: [FusedTensor] = []
    /// The flag among the family's keys in GGUF that is set for it, and for no other of that name there.
    var flagInGGUF: String?
    /// Whether llama.cpp keeps positions from looking back further than the sliding window.
    public var slidesInGGUF = false
    /// Whether its files list the blocks that have the window.
    public var listsWindowsInGGUF = false
    /// Layers whose biases llama.cpp does not read, and will not load a file with.
    public var unbiasedInGGUF: [Module] = []
    /// Layers without whose biases llama.cpp will not load a file.
    public var biasedInGGUF: [Module] = []
    /// Whether llama.cpp loads a file whose heads together are not as wide as the hidden state.
    public var hasFreeHeadSizeInGGUF = false
    /// Whether llama.cpp loads only files of models in which every head has a key of its own.
    public var hasKeyForEachHeadInGGUF = false
    /// From how many blocks on llama.cpp looks for norms of heads, and below which it does not; nil where it takes them as they are there.
    public var headNormDepthInGGUF: Int?
    /// How many blocks the one model has whose scores llama.cpp divides by the root of hidden size over heads, not of the head size.
    public var squareRootDepth: Int?
    /// Tensors outside blocks, and inside them with `{}` for the block's number, without prefix.
    public var tensors: [TensorRule]

    init(
        name: String, ggufName: String?, modelTypes: [String]? = nil, className: String, design: BlockDesign, tensors: [TensorRule]
    ) {
        self.name = name
        self.ggufName = ggufName
        self.modelTypes = modelTypes ?? [name]
        self.className = className
        self.design = design
        self.tensors = tensors
    }

    /// The family under another name, with what `change` makes different.
    func variation(
        _ name: String, ggufName: String? = nil, className: String, _ change: (inout ArchitectureFamily) -> Void = { _ in }
    ) -> ArchitectureFamily {
        var family = self
        family.name = name
        family.ggufName = ggufName ?? name
        family.modelTypes = [name]
        family.className = className
        change(&family)
        return family
    }

    /// Gives the tensors of some modules another layout.
    mutating func setLayout(_ layout: TensorLayout, of modules: Module...) {
        for index in tensors.indices where modules.contains(tensors[index].module) { tensors[index].layout = layout }
    }

    /// Gives the tensors of a module another name in GGUF.
    mutating func setNameInGGUF(_ name: String, of module: Module) {
        for index in tensors.indices where tensors[index].module == module { tensors[index].gguf = name }
    }

    /// Lets checkpoints go without the tensors of a module.
    mutating func setOptional(_ module: Module) {
        for index in tensors.indices where tensors[index].module == module { tensors[index].isOptional = true }
    }

    /// The name that a checkpoint without prefix has for a module, with `{}` for the block; nil where the family has none.
    public func name(of module: Module) -> String? { rule(of: module)?.name }

    public func rule(of module: Module) -> TensorRule? { tensors.first { $0.module == module } }

    /// The name of a module in a checkpoint with `prefix`; nil where the family has none.
    public func name(of module: Module, prefix: NamePrefix, block: Int? = nil, expert: Int? = nil) -> String? {
        rule(of: module).map { name(of: $0, prefix: prefix, block: block, expert: expert) }
    }

    /// The name of a rule's tensor in a checkpoint with `prefix`.
    public func name(of rule: TensorRule, prefix: NamePrefix, block: Int? = nil, expert: Int? = nil) -> String {
        prefix.applied(to: rule.name(block: block, expert: expert), isOfHead: rule.module.isOfHead)
    }

    /// Token embedding and output head: the second is tied to the first when config.json says so and it is absent. Encoders may have none.
    public var embedding: String { name(of: .tokenEmbedding) ?? "" }
    public var head: String? { name(of: .head) }

    /// The prefix that the names of a model have: that under which its embedding is found.
    public func prefix(_ contains: (String) -> Bool) -> NamePrefix {
        NamePrefix.candidates(of: self).first { contains($0.applied(to: embedding, isOfHead: false)) } ?? usualPrefix
    }

    /// The prefix of a checkpoint as transformers writes it.
    public var usualPrefix: NamePrefix { NamePrefix(own: prefixes.first ?? "") }
}
