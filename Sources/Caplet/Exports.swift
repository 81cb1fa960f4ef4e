// What requests and results are made of.
@_exported import Architectures
@_exported import BuiltIns
@_exported import Calibration
@_exported import CapletRuntime
@_exported import Execution
@_exported import FormatKit
@_exported import GGUFFormat
@_exported import MessagePassing
@_exported import ModelGraph
@_exported import Models
@_exported import PassKit
@_exported import PluginLoading
@_exported import StrictJSON
@_exported import TextInput
@_exported import Tokenization
